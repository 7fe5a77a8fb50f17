"""Treatments: what is tried in which order, what is kept, what is rolled back, and what is left alone."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from doctor.patients import digits
from isthmus import Autoencoder, load
from isthmus.architectures import Custom, Dense
from isthmus.data.opening import open_source
from isthmus.doctor import Remedy, TreatmentInterrupted, treat
from isthmus.doctor.candidates import merged, of_report
from isthmus.doctor.check import Check
from isthmus.doctor.comparison import Comparison, held_out_errors, judged
from isthmus.doctor.course import Course, Data
from isthmus.doctor.report import Report
from isthmus.errors import DataError, NonFiniteError, ParameterError
from isthmus.estimator import event_scale_of
from isthmus.penalties import Classifier
from isthmus.training import Training
from isthmus.training.watching import Silent

X, X_TEST = digits()[0][:200].reshape(200, -1), digits()[1][:100].reshape(100, -1)
Y = digits()[2][:200]


def trained(**parameters):
    training = Training(max_epochs=2, batch_size=50, learning_rate=1e-2, threads=1)
    settings = {"code": 4, "training": training, "random_state": 0} | parameters
    return Autoencoder(Dense(hidden=(16,)), **settings).fit(X, Y)


@pytest.fixture(scope="module")
def model():
    return trained()


class Fake(Check):
    """A check whose verdict is a function of the model: a severity, and remedies as patches."""

    question = "Is it ill?"

    def __init__(self, code, order, rule):
        self.code, self.order, self.rule = code, order, rule

    def run(self, patient):
        severity, *patches = self.rule(patient.model)
        remedies = [Remedy(f"Set {', '.join(patch)}.", patch) for patch in patches]
        if severity == "skipped":
            return self.skipped("it does not apply.")
        return self.finding(severity, f"{self.code} is {severity}", {}, "", *remedies)


class Counter(Silent):
    """Counts trainings, and interrupts one of them."""

    def __init__(self, interrupted=0):
        self.trainings, self.interrupted = 0, interrupted

    def started(self, plan):
        self.trainings += 1
        if self.trainings == self.interrupted:
            raise KeyboardInterrupt


def course(model, *checks, data=None, budget=12, **options):
    data = data or Data(X, X_TEST)
    return Course(model, data, sorted(checks, key=lambda check: check.order), budget=budget, **options)


def by_size(code, order, ill, *patches):
    """Ill, with those patches, while the code has one of the sizes ``ill``."""
    return Fake(code, order, lambda model: (ill.get(model.code_size_, "ok"), *patches))


def test_a_healthy_model_comes_back_as_it_is(model):
    cured, history = course(model, by_size("calm", 1, {})).run()
    assert cured is model
    assert (len(history), history.stopped, history.healthy) == (0, "healthy", True)
    assert history.summary == "Nothing was wrong, so nothing was treated."
    assert "treatment" not in model.training_summary_


def test_warnings_on_the_training_are_treated_before_failures_they_may_have_caused(model):
    slow = by_size("slow", 25, {4: "warning"}, {"code": 6})
    effect = by_size("effect", 45, {4: "failure"}, {"code": 5})
    late = by_size("late", 46, {4: "warning"}, {"code": 7})
    _, history = course(model, effect, slow, late).run()
    assert [attempt.code for attempt in history] == ["slow"]


def test_of_a_warning_on_the_training_only_the_first_remedies_come_before_failures(model):
    patches = [{"training__max_epochs": epochs} for epochs in (3, 4, 5)]
    early = Fake("early", 20, lambda _: ("warning", *patches))
    late = Fake("late", 40, lambda _: ("failure", {"code": 3}))
    report = Report(tuple(check.run(SimpleNamespace(model=model)) for check in (early, late)))
    tried = [dict(one.patch) for one in of_report(report, ["early"])]
    assert tried == [*patches[:2], {"code": 3}, patches[2]]


def test_causes_are_treated_before_effects_and_failures_before_warnings(model):
    cause = by_size("cause", 5, {4: "failure"}, {"code": 5})
    effect = by_size("effect", 40, {4: "failure"}, {"code": 6})
    slight = by_size("slight", 31, {4: "warning", 5: "warning"}, {"code": 7})
    _, history = course(model, effect, cause, slight).run()
    assert [attempt.code for attempt in history] == ["cause", "slight"]
    assert history[0].before == {"cause": "failure", "slight": "warning", "effect": "failure"}
    assert history[0].after == {"cause": "ok", "slight": "warning", "effect": "ok"}


def test_what_does_not_help_is_rolled_back_and_the_next_remedy_is_tried(model):
    before = model.get_params(deep=False)
    check = by_size("ill", 1, {4: "failure", 5: "failure"}, {"code": 5}, {"code": 6})
    cured, history = course(model, check).run()
    assert [attempt.accepted for attempt in history] == [False, True]
    assert history[0].reason == "ill is still a failure."
    assert (cured.code_size_, cured.code) == (6, 6)
    assert model.get_params(deep=False) == before
    assert model.code_size_ == 4
    assert cured.training_summary_["seed"] == model.training_summary_["seed"]


def test_a_failure_that_became_a_warning_is_not_gone_but_more_of_the_same_is_tried(model):
    def rule(found):
        severity = {4: "failure", 5: "warning"}.get(found.code_size_, "ok")
        return severity, {"code": found.code_size_ + 1}

    cured, history = course(model, Fake("ill", 1, rule)).run()
    assert history[0].reason == "ill went from failure to warning and is not gone."
    assert [dict(attempt.patch) for attempt in history] == [{"code": 5}, {"code": 6}]
    assert cured.code_size_ == 6


def test_the_nearest_to_a_cure_is_named_and_its_causes_are_treated_upon_it(model):
    check = by_size("ill", 39, {4: "failure", 5: "warning", 3: "failure"}, {"code": 5}, {"code": 3})
    cause = Fake("cause", 31, lambda found: ("warning", {"training__batch_size": 40}))
    cured, history = course(model, check, cause).run()
    assert [dict(attempt.patch) for attempt in history] == [
        {"code": 5},
        {"code": 3},
        {"code": 5, "training__batch_size": 40},
        {"training__batch_size": 40},
        {"code": 3, "training__batch_size": 40},
    ]
    assert cured is model
    assert history.nearest.code == "ill"
    assert "Nearest to a cure came attempt " in history.summary


def test_more_of_the_same_has_an_end(model):
    _, history = course(
        model, Fake("ill", 1, lambda found: ("failure", {"code": found.code_size_ + 1}))
    ).run()
    assert [attempt.patch["code"] for attempt in history] == [5, 6, 7]
    assert history.stopped == "nothing left to try"


def test_a_finding_that_withstands_three_attempts_waits_for_the_others(model):
    patches = [{"training__max_epochs": epochs} for epochs in (3, 4, 5, 6)]
    stubborn = Fake("stubborn", 20, lambda model: ("failure" if model.code == 4 else "ok", *patches))
    cause = by_size("cause", 40, {4: "failure"}, {"code": 5})
    _, history = course(model, stubborn, cause).run()
    assert [attempt.code for attempt in history] == ["stubborn"] * 3 + ["cause"]
    assert history.healthy


def test_what_harms_another_finding_is_rolled_back(model):
    check = by_size("ill", 1, {4: "failure"}, {"code": 5})
    other = by_size("other", 50, {5: "warning"})
    cured, history = course(model, check, other).run()
    assert cured is model
    assert [attempt.reason for attempt in history] == ["other went from ok to warning."]
    assert "no attempt of 1 was kept" in history.summary.lower()


def test_what_harms_another_finding_is_tried_with_its_remedy(model):
    check = by_size("ill", 1, {4: "failure"}, {"code": 5})

    def rule(found):
        harmed = found.code_size_ == 5 and found.training.max_epochs == 2
        return "warning" if harmed else "ok", {"training__max_epochs": 3}

    cured, history = course(model, check, Fake("other", 50, rule)).run()
    assert [attempt.accepted for attempt in history] == [False, True]
    assert history[1].patch == {"code": 5, "training__max_epochs": 3}
    assert (cured.code_size_, cured.training.max_epochs) == (5, 3)


def test_what_was_hidden_by_a_greater_harm_is_uncovered_and_treated_next(model):
    check = by_size("ill", 1, {4: "failure"}, {"code": 5})
    hidden = by_size("hidden", 50, {4: "skipped", 5: "warning"}, {"code": 6})
    cured, history = course(model, check, hidden).run()
    assert [attempt.accepted for attempt in history] == [True, True]
    assert "hidden was uncovered: warning" in history[0].reason
    assert (cured.code_size_, history.healthy) == (6, True)


def test_a_larger_held_out_error_is_no_cure(model):
    rule = lambda found: ("ok" if found.training.max_epochs == 0 else "failure", {"training__max_epochs": 0})  # noqa: E731
    cured, history = course(model, Fake("ill", 1, rule)).run()
    assert cured is model
    assert history[0].reason.startswith("held-out error is ")
    assert history[0].ratio.low > 1.05
    assert history[0].error_after > history[0].error_before
    assert history[0].ratio.value == pytest.approx(history[0].error_after / history[0].error_before)


def test_no_more_of_the_same_where_it_made_held_out_rows_worse(model):
    def rule(found):
        return "failure", {"training__learning_rate": found.training.learning_rate / 1e4}

    _, history = course(model, Fake("ill", 1, rule)).run()
    assert len(history) == 1
    assert history[0].reason.startswith("held-out error is ")
    assert history[0].after is None


def test_no_more_is_asked_of_a_changed_model_than_it_takes_to_judge_it(model):
    asked = []

    def watched(code, order, ill):
        def rule(found):
            asked.append((code, found.code_size_))
            return ill.get(found.code_size_, "ok"), {"code": 5}, {"code": 6}

        return Fake(code, order, rule)

    checks = (
        watched("early", 1, {}),
        watched("ill", 2, {4: "failure", 5: "failure"}),
        watched("late", 3, {}),
    )
    _, history = course(model, *checks).run()
    assert history[0].after == {"early": "ok", "ill": "failure"}
    assert history[1].after == {"early": "ok", "ill": "ok", "late": "ok"}
    assert asked == [(code, size) for size in (4, 5, 6) for code in ("early", "ill", "late")][:5] + [
        (code, 6) for code in ("early", "ill", "late")
    ]


def test_a_model_that_was_judged_for_an_early_finding_is_asked_the_rest_for_a_late_one(model):
    early = by_size("early", 1, {4: "failure", 5: "failure"}, {"code": 5})
    late = by_size("late", 2, {4: "failure"}, {"code": 5})
    watcher = Counter()
    cured, history = course(model, early, late, watcher=watcher).run()
    assert [attempt.after for attempt in history] == [
        {"early": "failure"},
        {"early": "failure", "late": "ok"},
    ]
    assert (watcher.trainings, cured.code_size_) == (1, 5)


class Refusing(torch.nn.Module):
    """A decoder of the user's own that knows codes of 4 numbers only."""

    def __init__(self, code, output):
        super().__init__()
        if code != 4:
            raise RuntimeError(f"no {code} numbers")
        self.layer = torch.nn.Linear(code, output[0])

    def forward(self, z):
        return self.layer(z)


class Plain(torch.nn.Module):
    """A linear encoder."""

    def __init__(self, event, width):
        super().__init__()
        self.layer = torch.nn.Linear(event[0], width)

    def forward(self, x):
        return self.layer(x)


def test_modules_of_the_users_own_that_refuse_a_change_end_an_attempt_and_parts_of_isthmus_do_not(model):
    custom = Custom(f"{__name__}:Plain", f"{__name__}:Refusing")
    given = Autoencoder(custom, code=4, training=model.training, random_state=0).fit(X)
    check = by_size("ill", 1, {4: "failure"}, {"code": 5}, {"architecture": Dense(hidden=(8,)), "code": 5})
    cured, history = course(given, check).run()
    assert history[0].reason == "its own modules refused the change: RuntimeError: no 5 numbers"
    assert [attempt.accepted for attempt in history] == [False, True]
    assert isinstance(cured.part("architecture"), Dense)


def test_scalings_are_compared_in_one_unit(model):
    check = Fake(
        "ill", 1, lambda found: ("ok" if found.scaling == "minmax" else "failure", {"scaling": "minmax"})
    )
    cured, history = course(model, check).run()
    assert history.accepted
    assert history[0].error_after == pytest.approx(cured.reconstruction_error(X_TEST).mean(), rel=1e-5)
    assert history[0].error_before == pytest.approx(model.reconstruction_error(X_TEST).mean(), rel=1e-5)


def test_held_out_errors_are_those_of_the_model_and_its_baselines(model):
    scale = event_scale_of(model).reshape(-1)
    evaluation = model.evaluate(X_TEST)
    means = held_out_errors(model, X_TEST, scale).mean(axis=0)
    expected = [evaluation["mse"], *(evaluation["baselines"][name]["mse"] for name in ("mean", "pca"))]
    np.testing.assert_allclose(means, expected, rtol=1e-4)


def test_held_out_errors_leave_out_what_is_not_known():
    rows = np.random.default_rng(0).normal(size=(80, 3)) * [1, 10, 100]
    frame = pd.DataFrame(rows, columns=["a", "b", "c"])
    frame.loc[::4, "a"] = np.nan
    frame.loc[5] = np.nan
    model = Autoencoder(
        Dense(hidden=(4,)), code=2, training=Training(max_epochs=1, threads=1), random_state=0
    ).fit(frame)
    found = held_out_errors(model, frame, np.ones(3))
    np.testing.assert_allclose(found[:, 0], model.reconstruction_error(frame), rtol=1e-5)
    assert np.flatnonzero(np.isnan(found).any(axis=1)).tolist() == [5]
    compared = Comparison(found, 2 * found, np.random.default_rng(0))
    assert (compared.ratio.value, len(compared.after)) == (pytest.approx(2), 79)


def report(**severities):
    return Report(
        tuple(Fake(code, 1, None).finding(severity, code, {}, "") for code, severity in severities.items())
    )


def test_findings_that_are_paid_in_error_may_cost_as_much_as_pca_loses():
    generator = np.random.default_rng(0)
    noise = generator.uniform(0.9, 1.1, size=(300, 1))
    before = noise * [0.001, 1.0, 0.3]

    def verdict(code, error, pca, *, rescaled=None):
        found = Comparison(before, noise * [error, 1.0, pca], np.random.default_rng(0), rescaled=rescaled)
        return judged(code, report(**{code: "failure"}), report(**{code: "ok"}), found).accepted

    assert not verdict("mean-collapse", 0.05, 0.3)
    assert verdict("identity-copy", 0.05, 0.0)  # a twentieth of the variance
    assert verdict("identity-copy", 0.25, 0.3)  # a quarter, where PCA of that size loses more
    assert not verdict("identity-copy", 0.4, 0.3)
    assert not verdict("identity-copy", 0.4, 0.0)
    assert not verdict("lost-information", 0.05, 0.0)
    better = Comparison(before, 0.9 * before, np.random.default_rng(0))  # columns count that did not
    assert verdict("lost-information", 0.05, 0.0, rescaled=better)


def test_what_is_wrong_with_a_model_of_less_than_half_the_error_was_hidden_before():
    noise = np.random.default_rng(0).uniform(0.9, 1.1, size=(300, 1))

    def compared(error, rescaled=None):
        errors = (noise * [one, 2.0, 2.0] for one in (1.0, error))
        return Comparison(*errors, np.random.default_rng(0), rescaled=rescaled)

    def verdict(error, treated="failure", new="warning", rescaled=None):
        found = compared(error, rescaled)
        before = report(**{"dead-units": treated, "overfit": "ok"})
        return judged("dead-units", before, report(**{"dead-units": "ok", "overfit": new}), found)

    assert verdict(0.4).accepted
    assert verdict(0.4).reason.endswith("overfit was uncovered: warning.")
    assert not verdict(0.6).accepted
    assert verdict(0.6).worse == ("overfit",)
    assert not verdict(0.4, new="failure").accepted  # as harmful as what is gone
    assert not verdict(0.4, treated="warning").accepted
    assert verdict(1.02, rescaled=compared(0.4)).accepted  # in the unit that it is trained in
    assert not verdict(0.4, rescaled=compared(0.6)).accepted


def test_what_does_not_lower_the_error_is_no_cure_of_an_error_too_large():
    noise = np.random.default_rng(0).uniform(0.5, 1.5, size=(300, 1))

    def verdict(code, factor, spread=0.0):
        after = np.random.default_rng(1).lognormal(sigma=spread, size=(300, 1))
        after *= noise.sum() / (noise * after).sum()  # so that the ratio of the sums is the factor
        found = Comparison(
            noise * [1.0, 2.0, 2.0], noise * after * [factor, 2.0, 2.0], np.random.default_rng(0)
        )
        assert found.ratio.value == pytest.approx(factor)
        return judged(code, report(**{code: "failure"}), report(**{code: "ok"}), found).accepted

    assert not verdict("overfit", 1.01)
    assert verdict("overfit", 0.99)
    assert verdict("dead-units", 1.04)
    assert not verdict("dead-units", 1.06)  # surely larger, and by more than is tolerated
    assert verdict(
        "dead-units", 1.06, spread=1.3
    )  # larger by more than that, but rows so uneven do not ensure it


def test_no_trainings_are_made_beyond_the_budget(model):
    patches = [{"code": size} for size in range(5, 12)]
    check = by_size("ill", 1, dict.fromkeys(range(20), "failure"), *patches)
    watcher = Counter()
    _, history = course(model, check, budget=3, watcher=watcher).run()
    assert (watcher.trainings, len(history), history.stopped) == (3, 3, "budget spent")
    _, history = course(model, check, seconds=1e-9).run()
    assert (len(history), history.stopped) == (0, "time over")
    assert "nothing was tried (time over)" in history.summary.lower()


def test_equal_models_are_trained_once_for_two_findings(model):
    first = by_size("first", 1, {4: "failure", 5: "failure"}, {"code": 5})
    second = by_size("second", 2, {4: "failure"}, {"code": 5}, {"code": 4})
    watcher = Counter()
    cured, history = course(model, first, second, watcher=watcher).run()
    assert [(attempt.code, attempt.accepted) for attempt in history] == [("first", False), ("second", True)]
    assert (watcher.trainings, cured.code_size_) == (1, 5)


def test_trainings_that_fail_and_patches_that_cannot_be_applied_are_attempts(model):
    check = by_size(
        "ill",
        1,
        {4: "failure"},
        {"training__learning_rate": 1e30},
        {"corruption__rate": 0.1},
        {"unheard_of": 1},
        {"code": -1},
        {"code": 5},
    )
    watcher = Counter()
    cured, history = course(model, check, watcher=watcher).run()
    assert [attempt.accepted for attempt in history] == [False] * 4 + [True]
    assert history[0].reason.startswith("its training failed: ")
    assert all(attempt.reason.startswith("it cannot be applied: ") for attempt in history.attempts[1:4])
    assert history[0].after is history[0].ratio is None
    assert (watcher.trainings, cured.code_size_) == (2, 5)


def test_without_held_out_rows_some_are_taken_from_the_training_rows(model):
    check = by_size("ill", 1, {4: "failure"}, {"code": 5})
    watcher = Counter()
    cured, history = course(model, check, data=Data(X, None, list(Y)), watcher=watcher).run()
    assert (watcher.trainings, cured.training_summary_["rows"], history[0].ratio.n) == (2, 160, 40)
    assert history.notes[0].startswith("40 of 200 training rows were held out")
    again, _ = course(model, check, data=Data(X, None, Y)).run()
    np.testing.assert_array_equal(cured.transform(X), again.transform(X))


def test_a_model_that_diverges_without_the_held_out_rows_is_judged_as_it_is(model, monkeypatch):
    fit = Course._fit

    def failing(self, changed):
        if not self._trainings:
            self._trainings += 1
            raise NonFiniteError("the loss is NaN.")
        fit(self, changed)

    monkeypatch.setattr(Course, "_fit", failing)
    cured, history = course(model, by_size("ill", 1, {4: "failure"}, {"code": 5}), data=Data(X, None)).run()
    assert "the model diverged: the loss is NaN." in history.notes[0]
    assert cured.code_size_ == 5


def test_streams_need_held_out_rows(model):
    source = open_source(X)
    source.random_access = False
    with pytest.raises(DataError, match="give X_test"):
        treat(model, source)


def test_nothing_is_lost_when_it_is_interrupted(model):
    check = by_size("ill", 1, {4: "failure", 5: "warning"}, {"code": 5}, {"code": 6})
    late = by_size("late", 2, {4: "failure", 5: "failure"}, {"code": 5}, {"code": 6})
    first = by_size("first", 0, {4: "failure"}, {"code": 5})
    with pytest.raises(TreatmentInterrupted) as caught:
        course(model, first, late, watcher=Counter(interrupted=2)).run()
    assert caught.value.model.code_size_ == 5
    assert caught.value.history.stopped == "interrupted"
    assert len(caught.value.history.accepted) == 1
    with pytest.raises(KeyboardInterrupt) as caught:
        course(model, check, watcher=Counter(interrupted=1)).run()
    assert caught.value.model is model


def test_labels_reach_the_penalties_that_ask_for_them():
    model = trained(penalties=(Classifier(),))
    check = by_size("ill", 1, {4: "failure"}, {"code": 5})
    cured, _ = course(model, check, data=Data(X, X_TEST, Y)).run()
    assert cured.code_size_ == 5
    assert list(cured.classes_) == list(range(10))
    with pytest.raises(ParameterError, match="needs labels"):
        treat(model, X, X_TEST)


def test_checkpoints_are_left_alone_and_early_stopping_finds_rows_to_watch(tmp_path):
    training = Training(
        max_epochs=2, batch_size=50, threads=1, patience=1, checkpoint=str(tmp_path / "state")
    )
    model = Autoencoder(Dense(hidden=(16,)), code=4, training=training, random_state=np.random.RandomState(3))
    model.fit(X, X_val=X_TEST)
    kept = (tmp_path / "state").read_bytes()
    cured, history = course(model, by_size("ill", 1, {4: "failure"}, {"code": 5})).run()
    assert history.accepted
    assert (tmp_path / "state").read_bytes() == kept
    assert (cured.training.checkpoint, cured.training.validation_fraction) == (None, 0.1)
    assert model.training.checkpoint is not None


def test_the_history_is_json_and_the_saved_model_keeps_it(model, tmp_path):
    part = Dense(hidden=(8,))
    check = Fake(
        "ill",
        1,
        lambda found: (
            "ok" if found.part("architecture").hidden == (8,) else "warning",
            {"architecture": part},
        ),
    )
    cured, history = course(model, check).run()
    document = json.loads(json.dumps(history.to_json(), allow_nan=False))
    assert document["attempts"][0]["patch"]["architecture"] == part.to_json()
    assert document["healthy"]
    assert document["before"]["findings"][0]["severity"] == "warning"
    cured.save(tmp_path / "cured")
    kept = load(tmp_path / "cured").training_summary_["treatment"]
    assert kept["attempts"] == document["attempts"]
    assert (kept["before"], kept["after"]) == ({"ill": "warning"}, {"ill": "ok"})
    again, _ = course(cured, by_size("more", 1, {4: "warning"}, {"code": 5})).run()
    assert again.training_summary_["treatment"]["earlier"] == cured.training_summary_["treatment"]


def test_patches_are_not_changed_by_those_that_follow():
    part = Dense(hidden=(8,))
    assert merged({"architecture": part, "code": 3}, {"architecture__hidden": (4,)}) == {
        "architecture": part,
        "code": 3,
        "architecture__hidden": (4,),
    }
    assert merged({"architecture__hidden": (4,), "code": 3}, {"architecture": part}) == {
        "architecture": part,
        "code": 3,
    }


def test_bad_arguments_are_refused(model):
    for options in ({"budget": 0}, {"seconds": 0}, {"checks": ["unheard-of"]}):
        with pytest.raises(ParameterError):
            treat(model, X, X_TEST, **options)
    with pytest.raises(ParameterError, match="a fitted Autoencoder"):
        treat(None, X)


def test_a_rate_that_kills_it_is_lowered_until_it_lives():
    training = Training(max_epochs=5, batch_size=50, learning_rate=1.0, threads=1)
    model = Autoencoder(Dense(hidden=(32,)), code=8, training=training, random_state=0).fit(X)
    said = []
    cured, history = treat(model, X, X_TEST, checks=["mean-collapse"], progress=said.append)
    assert history.before["mean-collapse"].severity == "failure"
    assert history.healthy
    assert history[0].patch == {"training__learning_rate": None, "training__max_epochs": 750}
    assert cured.training.learning_rate is None
    assert history.accepted[-1].ratio.high < 0.5
    assert said[0] == "diagnosing the model"
    assert said[-1].startswith("kept: mean-collapse is gone")
    assert model.training.learning_rate == 1.0
