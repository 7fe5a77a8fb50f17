from functools import cache

import numpy as np
import pytest
from sklearn.datasets import load_wine

from doctor.patients import digits, functions, healthy, patient
from isthmus import Autoencoder
from isthmus.architectures import Dense
from isthmus.doctor.admission import of_model
from isthmus.doctor.checks.lost_information import LostInformation
from isthmus.doctor.patient import Patient
from isthmus.penalties import Classifier
from isthmus.training import Training

check = LostInformation()


@cache
def wine():
    """(X_train, X_test, y_train, y_test); one column is in the hundreds, most are below ten."""
    X, y = load_wine(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))
    X, y = X[order].astype(np.float32), y[order]
    return X[:120], X[120:], y[:120], y[120:]


def trained(scaling: str) -> Autoencoder:
    training = Training(max_epochs=80, batch_size=32, learning_rate=3e-3, threads=1)
    model = Autoencoder(Dense(hidden=(32,)), code=4, scaling=scaling, training=training, random_state=0)
    return model.fit(wine()[0])


def of_wine(model: Autoencoder, *, labelled: bool) -> Patient:
    X_train, X_test, y_train, y_test = wine()
    labels = {"y_train": y_train, "y_test": y_test} if labelled else {}
    return of_model(model, X_train, X_test, **labels)


def kept(places, features):
    """An autoencoder that keeps some entries of a row and forgets the others."""

    def decode(z):
        x = np.zeros((len(z), features), dtype=np.float32)
        x[:, places] = z
        return x

    return (lambda x: x[:, places]), decode


def small_signal(seed, n=400):
    """Two large columns of noise, and four columns a hundred times smaller that share a signal, the label."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, n)
    signal = 2.0 * labels - 1 + 0.3 * random.normal(size=n)
    small = 0.01 * (signal[:, None] + 0.2 * random.normal(size=(n, 4)))
    return np.hstack([random.normal(size=(n, 2)), small]).astype(np.float32), labels


@pytest.mark.parametrize("labelled", [True, False])
def test_a_sound_model_is_ok(labelled):
    found = check(patient(healthy(), labelled=labelled))
    assert found.severity == "ok"
    if labelled:
        assert found.evidence["labels_from_rows"].value > 0.95
        assert abs(found.evidence["labels_lost"].value) < 0.1


def test_a_table_whose_columns_were_not_scaled_is_found_without_labels_and_its_patch_cures_it():
    model = trained("none")
    found = check(of_wine(model, labelled=False))
    assert found.severity == "failure"
    assert found.evidence["explained_in_own_units"].value > 0.95
    assert found.evidence["small_columns_explained"].value < 0.3
    assert len(found.evidence["lost_columns"]) == 8
    assert dict(found.remedy.patch) == {"scaling": "standard"}
    X_train = wine()[0]
    assert (
        check(of_wine(model.set_params(**found.remedy.patch).fit(X_train), labelled=False)).severity == "ok"
    )
    model.set_params(**found.alternatives[0].patch)
    assert model.part("code").size == 8


def test_a_small_signal_is_found_lost_by_labels_and_by_columns():
    (X_train, y_train), (X_test, y_test) = small_signal(0), small_signal(1)
    large, *_ = kept([0, 1], 6), None
    found = check(functions(*large, X_train, X_test, y_train=y_train, y_test=y_test))
    assert found.severity == "failure"
    assert found.evidence["labels_from_codes"].value == pytest.approx(0.5, abs=0.1)
    assert found.evidence["labels_lost"].value == pytest.approx(1.0, abs=0.15)
    assert found.evidence["small_columns"].value == 4
    assert not found.remedy.patch
    assert check(functions(*large, X_train, X_test)).severity == "failure"


def test_a_code_that_keeps_the_small_signal_is_ok():
    (X_train, y_train), (X_test, y_test) = small_signal(0), small_signal(1)
    found = check(functions(*kept(list(range(6)), 6), X_train, X_test, y_train=y_train, y_test=y_test))
    assert found.severity == "ok"
    assert found.evidence["labels_lost"].value == pytest.approx(0.0, abs=0.03)
    assert found.evidence["small_columns_explained"].value == pytest.approx(1.0, abs=1e-6)


def test_small_columns_of_noise_are_no_loss():
    random = np.random.default_rng(0)
    X = random.normal(size=(600, 6)) * np.array([1, 1, 0.01, 0.01, 0.01, 0.01])
    found = check(functions(*kept([0, 1], 6), X[:300], X[300:]))
    assert found.severity == "ok" and found.evidence["small_columns"].value == 0


def test_labels_that_rows_do_not_hold_cannot_be_lost():
    X, _ = small_signal(0)
    y = np.random.default_rng(3).integers(0, 2, len(X))
    found = check(functions(*kept(list(range(6)), 6), X[:200], X[200:], y_train=y[:200], y_test=y[200:]))
    assert found.severity == "ok" and "themselves" in found.title


def test_without_held_out_rows_and_with_numbers_as_labels_it_still_answers():
    X, _ = small_signal(0)
    y = X[:, 3] * 100
    found = check(functions(*kept([0, 1], 6), X, None, y_train=y))
    assert found.severity == "failure" and found.evidence["probes"] == "cross-fitted"
    assert found.evidence["labels_from_rows"].value > 0.9


def test_where_columns_differ_in_spread_labels_are_first_looked_for_in_the_small_ones():
    (X_train, y_train), (X_test, y_test) = small_signal(0), small_signal(1)
    for scale, scaled in ((1.0, True), (1 / np.maximum(X_train.std(axis=0), 1e-9), False)):
        training = Training(max_epochs=3, batch_size=64, threads=1)
        model = Autoencoder(Dense(hidden=(8,)), code=1, scaling="none", training=training, random_state=0)
        model.fit(X_train * scale)
        found = check(of_model(model, X_train * scale, X_test * scale, y_train=y_train, y_test=y_test))
        assert found.bad
        assert any(remedy.patch == {"scaling": "standard"} for remedy in found.remedies) is scaled


def test_labels_lost_by_a_trained_code_are_asked_for_by_a_classifier():
    X_train, X_test, y_train, y_test = digits()
    training = Training(max_epochs=2, batch_size=64, learning_rate=1.0, threads=1)
    model = Autoencoder(code=8, training=training, random_state=0).fit(X_train)
    found = check(of_model(model, X_train, X_test, y_train=y_train, y_test=y_test))
    assert found.severity == "failure"
    patch = next(remedy.patch for remedy in found.remedies if "penalties" in remedy.patch)
    model.set_params(**patch, training=Training(max_epochs=1, threads=1)).fit(X_train, y_train)
    assert isinstance(model.penalties[0], Classifier)


def test_missing_entries_and_a_constant_column_are_no_obstacle():
    X_train, X_test, *_ = wine()
    pair = [np.column_stack([X, np.ones(len(X))]).astype(np.float32) for X in (X_train, X_test)]
    for X in pair:
        X[np.random.default_rng(0).random(X.shape) < 0.1] = np.nan
    training = Training(max_epochs=80, batch_size=32, learning_rate=3e-3, threads=1)
    model = Autoencoder(Dense(hidden=(32,)), code=4, scaling="standard", training=training, random_state=0)
    found = check(of_model(model.fit(pair[0]), *pair))
    assert found.severity in ("ok", "info")
