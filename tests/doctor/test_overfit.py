import numpy as np
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.metrics import pairwise_distances_argmin

from doctor.patients import digits, functions, healthy, patient
from isthmus import Autoencoder
from isthmus.architectures import Dense
from isthmus.doctor.admission import of_model
from isthmus.doctor.checks.overfit import Overfit
from isthmus.doctor.statistics.gaps import cost_of_gap, excess_gap
from isthmus.training import Training

check = Overfit()


def memory(rows=100, code=16):
    """A large network after many epochs on a hundred digits."""
    X_train, X_test = (part.reshape(len(part), -1) for part in digits()[:2])
    training = Training(max_epochs=120, batch_size=16, learning_rate=2e-3, threads=1)
    model = Autoencoder(Dense(hidden=(128, 64)), code=code, training=training, random_state=0)
    return model.fit(X_train[:rows]), X_train[:rows], X_test


def test_a_sound_model_is_ok():
    found = check(patient(healthy()))
    assert found.severity == "ok"
    assert 1 < found.evidence["gap"].value < 1.4
    memory = found.evidence["nearer_to_training"]
    assert memory.low < memory.against + 0.1


def test_a_large_network_on_few_rows_is_found_and_its_remedies_can_be_applied():
    model, X_train, X_test = memory()
    found = check(of_model(model, X_train, X_test))
    assert found.severity == "failure"
    assert found.evidence["excess"].low > 2
    assert found.evidence["nearer_to_training"].low > found.evidence["nearer_to_training"].against
    for remedy in found.remedies[1:]:
        model.set_params(**remedy.patch)
    model.set_params(training__max_epochs=1).fit(X_train)
    assert model.training.patience == 30
    assert model.architecture.hidden == (64, 32)
    assert type(model.corruption).__name__ == "GaussianNoise"
    assert [type(penalty).__name__ for penalty in model.penalties] == ["WeightDecay"]


def test_rows_that_are_few_for_a_network_are_given_pca_which_has_less_error_and_no_gap():
    model, X_train, X_test = memory(40)
    found = check(of_model(model, X_train, X_test))
    patch = found.remedy.patch
    assert patch["architecture"] == Dense(hidden=())
    linear = clone(model).set_params(**patch).fit(X_train)
    errors = [np.square(one.reconstruct(X_test) - X_test).mean() for one in (linear, model)]
    assert errors[0] < errors[1]
    pca = PCA(patch["code"]).fit(X_train)
    assert errors[0] == pytest.approx(
        np.square(pca.inverse_transform(pca.transform(X_test)) - X_test).mean(), rel=0.05
    )
    assert check(of_model(linear, X_train, X_test)).severity == "ok"


def test_a_code_with_room_for_much_more_than_the_data_is_made_smaller_first():
    found = check(of_model(*memory(300, code=30)))
    assert found.bad
    assert list(found.remedies[0].patch) == ["code"]
    assert 6 <= found.remedies[0].patch["code"] <= 20


def test_answering_with_the_nearest_training_row_is_a_memory():
    X_train, X_test = (part.reshape(len(part), -1) for part in digits()[:2])
    X_train = X_train[:200]
    generator = np.random.default_rng(0)
    noise = 0.05 * generator.normal(size=X_train.shape).astype(np.float32)

    def encode(x):
        return pairwise_distances_argmin(x, X_train)[:, None].astype(np.float32)

    def decode(z):
        places = np.clip(np.rint(z[:, 0]), 0, len(X_train) - 1).astype(int)
        return (X_train + noise)[places]

    found = check(functions(encode, decode, X_train, X_test))
    assert found.severity == "failure"
    assert found.evidence["nearer_to_training"].value > 0.99
    assert found.evidence["nearer_to_training"].against < 0.01
    assert not found.remedy.patch


def test_tiny_errors_on_both_sides_are_no_matter():
    X_train, X_test = (part.reshape(len(part), -1) for part in digits()[:2])
    known = {row.tobytes() for row in X_train}

    def encode(x):  # errs ten times more on rows that it does not know
        strange = np.array([row.tobytes() not in known for row in np.ascontiguousarray(x)])
        return np.where(strange[:, None], x + 0.01, x + 0.003).astype(np.float32)

    found = check(functions(encode, lambda z: z, X_train, X_test))
    assert found.evidence["gap"].value == pytest.approx(100 / 9, rel=0.1)
    assert found.severity == "ok"


def test_a_validation_loss_that_rises_again_is_a_warning():
    training = Training(max_epochs=3, batch_size=64, validation_fraction=0.2, threads=1)
    steady = Autoencoder(Dense(hidden=(16,)), code=4, training=training, random_state=0).fit(digits()[0])
    for place, loss in enumerate((3.0, 1.0, 2.0)):
        steady.history_[place]["validation_loss"] = loss
    found = check(of_model(steady, *digits()[:2]))
    assert found.severity == "warning"
    assert found.evidence["validation_rise"].value == pytest.approx(1.0)
    steady.set_params(training__patience=5)  # with it the best weights are restored
    assert check(of_model(steady, *digits()[:2])).severity == "ok"


def test_unknown_entries_do_not_count():
    generator = np.random.default_rng(0)
    X = generator.normal(size=(400, 3)).astype(np.float32) @ generator.normal(size=(3, 10)).astype(np.float32)
    X[generator.random(X.shape) < 0.2] = np.nan
    training = Training(max_epochs=30, batch_size=32, threads=1)
    model = Autoencoder(Dense(hidden=(16,)), code=3, training=training, random_state=0).fit(X[:250])
    found = check(of_model(model, X[:250], X[250:]))
    assert found.severity == "ok"
    assert "nearer_to_training" not in found.evidence


def test_training_rows_alone_are_not_enough():
    assert check(of_model(healthy(), digits()[0])).severity == "skipped"
    rows = digits()[0].reshape(1300, -1)
    exact = check(functions(lambda x: x, lambda z: z, rows[:600], rows[600:]))
    assert exact.severity == "skipped"


def test_intervals_of_gaps_hold_what_they_estimate():
    generator = np.random.default_rng(0)
    hard, easy = generator.exponential(size=400), generator.exponential(size=500)
    doubled = excess_gap((2 * hard, hard), (easy, easy), generator)
    assert (doubled.value, doubled.low, doubled.high) == pytest.approx((2, 2, 2))
    cost = cost_of_gap(hard + 1, easy, 2.0, generator)
    assert cost.low < cost.value < cost.high
    assert cost.value == pytest.approx((hard.mean() + 1 - easy.mean()) / 2)
