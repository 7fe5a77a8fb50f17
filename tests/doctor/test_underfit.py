from functools import cache

import numpy as np
import pytest
import torch

from doctor.patients import functions
from isthmus import Autoencoder
from isthmus.architectures import Dense
from isthmus.codes import Gaussian
from isthmus.doctor.admission import of_model
from isthmus.doctor.checks import underfit
from isthmus.doctor.checks.underfit import Underfit
from isthmus.doctor.retraining import copied, operations, untrained
from isthmus.penalties import Siamese
from isthmus.training import Training

check = Underfit()


@cache
def rows():
    """Points of three numbers bent into eight columns, with noise."""
    generator = np.random.default_rng(0)
    z = generator.normal(size=(500, 3))
    X = np.tanh(z @ generator.normal(size=(3, 8))) + 0.1 * generator.normal(size=(500, 8))
    return X[:300].astype(np.float32), X[300:].astype(np.float32)


@cache
def fitted(epochs, rate=5e-3, batch_size=32):
    training = Training(max_epochs=epochs, batch_size=batch_size, learning_rate=rate, threads=1)
    return Autoencoder(Dense(hidden=(24,)), code=3, training=training, random_state=0).fit(rows()[0])


def test_a_sound_model_is_ok_and_left_as_it_is():
    model = fitted(150, 1e-2)
    before = {name: value.clone() for name, value in model.network_.state_dict().items()}
    state = torch.get_rng_state()
    found = check(of_model(model, *rows()))
    assert found.severity == "ok"
    assert found.evidence["left_after_tenth_of_the_rate"].value == pytest.approx(1, abs=0.05)
    assert all(torch.equal(value, before[name]) for name, value in model.network_.state_dict().items())
    assert torch.equal(state, torch.get_rng_state())


def test_a_training_that_was_broken_off_is_found_and_its_remedy_mends_it():
    found = check(of_model(fitted(6, 2e-3), *rows()))
    assert found.severity == "failure"
    assert found.evidence["left_after_same_rate"].high < 0.65
    for remedy in found.remedies:
        Autoencoder(training=Training()).set_params(**remedy.patch)._choices()
    assert found.remedy.patch["training__max_epochs"] * -(-len(rows()[0]) // 32) == pytest.approx(
        3_000, rel=0.03
    )
    assert "3," in found.remedy.text and "are few" in found.remedy.text
    assert found.remedies[1].patch["training__max_epochs"] == 60
    assert "epochs more" in found.title


def test_a_rate_too_small_to_arrive_is_found_by_a_larger_one():
    found = check(of_model(fitted(30, 5e-5), *rows()))
    assert found.severity in ("warning", "failure")
    assert "ten times the rate" in found.title
    assert found.remedy.patch["training__learning_rate"] == pytest.approx(5e-4)


@pytest.mark.slow
def test_a_dear_optimizer_gives_way_to_adam_and_the_evidence_says_so(monkeypatch):
    training = Training(max_epochs=3, batch_size=32, optimizer="muon", threads=1)
    model = Autoencoder(Dense(hidden=(24,)), code=3, training=training, random_state=0).fit(rows()[0])
    own = check(of_model(model, *rows()))
    assert "left_after_same_rate" in own.evidence
    monkeypatch.setattr(underfit, "DEAR", 0.0)
    found = check(of_model(model, *rows()))
    assert "left_after_adam_own_rate" in found.evidence
    assert "Adam's own rate" in found.evidence["left_after_adam_own_rate"].what
    assert "a third of the best of" in found.remedy.text


def test_rows_in_their_order_and_a_rate_far_from_the_usual_are_put_right_in_one_remedy_before_more_epochs():
    training = Training(
        max_epochs=3, batch_size=32, learning_rate=2e-2, shuffle=False, schedule="constant", threads=1
    )
    model = Autoencoder(Dense(hidden=(24,)), code=3, training=training, random_state=0).fit(rows()[0])
    found = check(of_model(model, *rows()))
    assert found.severity == "failure"
    assert dict(found.remedy.patch) == {
        "training__learning_rate": 0.00333,
        "training__max_epochs": 300,
        "training__shuffle": True,
        "training__schedule": "cosine",
    }
    assert "instead of 0.02" in found.remedy.text
    assert "training__max_epochs" in found.remedies[1].patch


def test_equal_rows_in_another_order_give_equal_verdicts():
    X_train, X_test = rows()
    model = fitted(6, 2e-3)
    one = check(of_model(model, X_train, X_test))
    other = check(of_model(model, X_train[::-1], X_test[::-1]))
    assert one.title == other.title
    assert one.evidence == other.evidence


def test_without_other_rows_a_fifth_of_the_training_rows_judges():
    found = check(of_model(fitted(150, 1e-2), rows()[0]))
    assert found.severity == "ok"
    assert found.evidence["left_after_same_rate"].n == 60


def test_unknown_entries_a_warm_up_and_penalties_that_need_labels():
    X_train, X_test = (part.copy() for part in rows())
    X_train[np.random.default_rng(1).random(X_train.shape) < 0.1] = np.nan
    model = Autoencoder(
        Dense(hidden=(16,)),
        code=Gaussian(2, beta=0.1, warm_up=0.5),
        penalties=(Siamese(),),
        training=Training(max_epochs=3, batch_size=64, threads=1),
        random_state=0,
    ).fit(X_train, np.arange(300) % 2)
    labels = {"y_train": np.arange(300) % 2, "y_test": np.arange(200) % 2}
    bare, labelled = of_model(model, X_train, X_test), of_model(model, X_train, X_test, **labels)
    assert copied(bare).parts.penalties == ()
    assert len(copied(labelled).parts.penalties) == 1
    assert copied(bare).parts.code.warm_up == 0
    for one in (bare, labelled):
        assert check(one).severity in ("ok", "warning", "failure")


def test_copies_hold_the_weights_and_fresh_ones_do_not():
    patient = of_model(fitted(6, 2e-3), *rows())
    x = torch.from_numpy(patient.test.x[:4])
    own = patient.model.network_.encode(x).z
    assert torch.equal(copied(patient).encode(x).z, own)
    assert not torch.allclose(untrained(patient).encode(x).z, own)
    assert operations(copied(patient)) == 2 * (8 * 24 + 24 * 3)


def test_functions_cannot_be_trained_on():
    assert check(functions(lambda x: x[:, :2], lambda z: np.zeros((len(z), 64)))).severity == "skipped"
