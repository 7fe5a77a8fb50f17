import numpy as np
import pytest

from doctor.patients import digits, functions, healthy, patient
from isthmus import Autoencoder
from isthmus.architectures import Dense
from isthmus.doctor.checks.redundant_code import RedundantCode, effective_rank
from isthmus.penalties.redundancy import Redundancy
from isthmus.recipes import separate_classifier
from isthmus.training import Training

check = RedundantCode()
FEW = Training(max_epochs=15, batch_size=64, learning_rate=3e-3, threads=1)


def repeating(places, features=6, n=900, seed=0):
    """Independent normal features, coded by some of them, and restored from the first place of each."""
    X = np.random.default_rng(seed).normal(size=(n, features)).astype(np.float32)
    places = np.asarray(places)

    def decode(z):
        x = np.zeros((len(z), features), np.float32)
        x[:, places] = z
        return x

    return functions(lambda x: x[:, places], decode, X[:500], X[500:])


def test_a_sound_model_is_ok():
    found = check(patient(healthy()))
    assert found.severity == "ok"
    assert not found.evidence["copies"]


def test_independent_units_have_the_rank_of_their_number():
    found = check(repeating(range(6)))
    measure = found.evidence["effective_rank"]
    assert found.severity == "ok"
    assert measure.value == pytest.approx(measure.against, abs=0.05)
    assert measure.low <= measure.value <= measure.high
    assert all(one.value < 0.05 for one in found.evidence["predicted"].values())


def test_every_fact_told_three_times_is_warned_of_and_the_pairs_are_named():
    found = check(repeating([0, 1, 0, 1, 0, 1]))
    assert found.severity == "warning"
    assert found.evidence["effective_rank"].value == pytest.approx(2, abs=0.02)
    assert len(found.evidence["copies"]) == 6
    assert "units 0 and 2: correlation 1.000" in found.evidence["copies"]
    assert not found.remedy.patch


def test_one_number_written_eight_times_is_a_failure_where_the_data_hold_more():
    found = check(repeating([2] * 8))
    assert found.severity == "failure"
    assert found.evidence["effective_rank"].value == pytest.approx(1, abs=1e-6)


def test_one_number_written_often_is_no_failure_where_the_data_hold_no_more():
    X = np.random.default_rng(0).normal(size=(600, 1)).astype(np.float32) * np.ones((1, 5), np.float32)
    assert check(functions(lambda x: x, lambda z: z, X[:300], X[300:])).severity == "warning"


def test_one_copy_among_many_units_is_worth_knowing_and_no_more():
    assert check(repeating([0, 1, 2, 3, 4, 5, 0])).severity == "info"


def test_curved_repetition_is_seen_where_correlation_is_not():
    X = np.random.default_rng(0).normal(size=(900, 2)).astype(np.float32)
    encode = lambda x: np.column_stack([x, x[:, 0] ** 2])  # noqa: E731
    found = check(functions(encode, lambda z: z[:, :2], X[:450], X[450:]))
    assert found.severity == "ok"
    curved = found.evidence["predicted"]["unit 2"]
    assert curved.value > 0.9
    assert curved.against < 0.1


def test_a_trained_code_of_copies_is_found_and_its_patches_can_be_applied():
    model = Autoencoder(Dense(hidden=(64,)), code=8, training=FEW, random_state=0).fit(digits()[0])
    sick = patient(model)
    whole = sick.encode
    sick.encode = lambda x: whole(x)[:, [0] * 8]
    found = check(sick)
    assert found.bad
    assert found.remedy.patch["code"] < 4
    model.set_params(**found.remedy.patch)
    model.set_params(**found.alternatives[0].patch).fit(digits()[0][:200])
    assert isinstance(model.penalties[0], Redundancy)


@pytest.mark.slow
def test_parts_of_a_divided_code_that_say_the_same_are_found():
    X, _, y, _ = digits()
    model = separate_classifier(8, (64,), random_state=0).set_params(training=FEW)
    model.fit(X, y)
    sick = patient(model)
    sound = check(sick)
    assert sound.severity in ("ok", "info")
    assert sound.evidence["shared_by_parts"].against == pytest.approx(0, abs=0.1)
    sick = patient(model)
    whole = sick.encode
    sick.encode = lambda x: (
        whole(x)[:, [0, 1, 2, 3] * 2] @ np.diag([1, 1, 1, 1, 2, 2, 2, 2]).astype(np.float32)
    )
    found = check(sick)
    assert found.bad
    assert found.evidence["shared_by_parts"].value > 0.95
    assert found.remedy.patch["penalties"][-1].split == 4
    model.set_params(**found.remedy.patch).fit(X[:200], y[:200])


def test_a_code_of_one_and_of_constant_units():
    assert check(functions(lambda x: x[:, 20:21], lambda z: np.zeros((len(z), 64)))).severity == "ok"
    assert check(functions(lambda x: 0 * x[:, :3], lambda z: np.zeros((len(z), 64)))).severity == "ok"


def test_the_effective_rank_by_hand():
    assert effective_rank(np.eye(4)) == pytest.approx(4)
    assert effective_rank(np.ones((3, 3))) == pytest.approx(1)
    # Eigenvalues 1.5 and 0.5: entropy of 3/4 and 1/4.
    entropy = -0.75 * np.log(0.75) - 0.25 * np.log(0.25)
    assert effective_rank(np.array([[1, 0.5], [0.5, 1]])) == pytest.approx(np.exp(entropy))
