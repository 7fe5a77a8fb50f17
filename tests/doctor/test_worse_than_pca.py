import copy

import numpy as np
import pytest
from sklearn.decomposition import PCA

from doctor.patients import digits, functions, healthy, patient
from isthmus import Autoencoder
from isthmus.architectures import Dense
from isthmus.codes import Gaussian, TopK
from isthmus.doctor.admission import of_model
from isthmus.doctor.checks.worse_than_pca import WorseThanPCA
from isthmus.penalties import Contractive
from isthmus.training import Training

check = WorseThanPCA()


def trained(code=8, *, epochs=3, rate=1e-3, batch=256, loss="mse", **choices):
    training = Training(max_epochs=epochs, batch_size=batch, learning_rate=rate, threads=1)
    model = Autoencoder(
        Dense(hidden=(32,)), code=code, loss=loss, training=training, random_state=0, **choices
    )
    return model.fit(digits()[0])


def flat():
    return tuple(X.reshape(len(X), -1) for X in digits()[:2])


def test_a_sound_model_beats_pca():
    found = check(patient(healthy()))
    assert found.severity == "ok"
    assert found.evidence["error_ratio"].high < 1


def test_pca_itself_is_as_good_as_pca():
    X_train, X_test = flat()
    pca = PCA(6).fit(X_train)
    found = check(functions(pca.transform, pca.inverse_transform, X_train, X_test))
    assert found.severity == "ok"
    assert found.evidence["error_ratio"].value == pytest.approx(1, abs=1e-4)
    assert found.evidence["variance_lost"].value == pytest.approx(0, abs=1e-4)


def test_errors_of_twice_pca_are_measured_as_that():
    X_train, X_test = flat()
    pca = PCA(6).fit(X_train)

    def decode(z):  # the last column of the code holds what PCA leaves over, so errors can be made exactly
        return pca.inverse_transform(z[:, :6]) - (np.sqrt(2) - 1) * z[:, 6:]

    def encode(x):
        codes = pca.transform(x)
        return np.hstack([codes, x - pca.inverse_transform(codes)])

    patient = functions(encode, decode, X_train, X_test)
    patient.baselines = functions(pca.transform, pca.inverse_transform, X_train, X_test).baselines
    found = check(patient)
    assert found.severity == "failure"
    assert found.evidence["error_ratio"].value == pytest.approx(2, abs=1e-3)


def test_a_model_that_was_hardly_trained_is_beaten_and_its_remedies_can_be_applied():
    model = trained()
    found = check(patient(model))
    assert found.severity == "failure"
    for remedy in found.remedies:
        copy.deepcopy(model).set_params(**remedy.patch)._choices()
    begin = next(remedy for remedy in found.remedies if "training__initial_weights" in remedy.patch)
    cured = copy.deepcopy(model).set_params(**begin.patch).fit(digits()[0])
    assert check(patient(cured)).severity == "ok"


def test_a_sparse_code_is_compared_with_pca_of_what_is_active():
    sparse = trained(TopK(150, 8), epochs=15, rate=3e-3, batch=64)
    found = check(patient(sparse))
    assert found.severity in ("ok", "info")
    assert "(8)" in found.title


def test_units_that_do_not_vary_do_not_count_for_a_gaussian_code():
    found = check(patient(trained(Gaussian(12, beta=2.0), epochs=25, rate=3e-3, batch=64, loss="bce")))
    assert "units of the code vary" in found.title
    assert not found.bad


def test_a_penalty_that_outweighs_the_data_is_found_and_made_lighter():
    model = trained(8, epochs=20, rate=3e-3, penalties=(Contractive(10.0),))
    found = check(patient(model))
    assert found.bad
    by_cost, tenth = (remedy.patch["penalties"][0].weight for remedy in found.remedies[:2])
    assert by_cost < 0.1
    assert tenth == pytest.approx(1.0)
    copy.deepcopy(model).set_params(**found.remedy.patch)._choices()


def test_where_pca_is_exact_the_check_says_that_it_cannot_tell():
    found = check(functions(lambda x: x, lambda z: z))
    assert found.severity == "skipped"
    assert "as they come" in found.why


def test_rows_that_do_not_vary_are_skipped():
    same = np.ones((60, 5), dtype=np.float32)
    assert check(functions(lambda x: x[:, :2], lambda z: np.ones((len(z), 5)), same)).severity == "skipped"


def test_only_known_entries_count():
    generator = np.random.default_rng(0)
    X = (generator.normal(size=(500, 3)) @ generator.normal(size=(3, 10))).astype(np.float32)
    X += 0.1 * generator.normal(size=X.shape).astype(np.float32)
    X[generator.random(X.shape) < 0.1] = np.nan
    training = Training(max_epochs=1, threads=1)
    model = Autoencoder(Dense(hidden=(16,)), code=3, training=training, random_state=0).fit(X[:300])
    judged = of_model(model, X[:300], X[300:])
    found = check(judged)
    assert found.bad
    by_hand = judged.squares.sum() / judged.pca_squares.sum()
    assert found.evidence["error_ratio"].value == pytest.approx(by_hand)
