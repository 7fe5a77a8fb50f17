import numpy as np
import pytest
from sklearn.base import clone

from doctor.patients import digits, functions, healthy, patient
from doctor.variational import variational
from isthmus.doctor.admission import of_model
from isthmus.doctor.checks.prior_mismatch import PriorMismatch
from isthmus.recipes import vae
from isthmus.training import Training

check = PriorMismatch()


def test_a_sound_model_fills_its_prior():
    found = check(patient(variational()))
    assert found.severity in ("ok", "info")
    assert found.evidence["prior_distance"].value < 1.4


def test_a_divergence_of_hardly_any_weight_leaves_the_prior_empty_and_the_density_is_named_first():
    ill = variational(4, "bce", 0.001, 30)
    found = check(patient(ill))
    assert found.severity == "failure"
    assert found.evidence["auc"].low > 0.9
    assert found.evidence["prior_distance"].value > 2 * found.evidence["density_distance"].value
    assert "density" in found.remedy.text and not found.remedy.patch
    assert found.alternatives[0].patch["code__beta"] == pytest.approx(0.1)


def test_every_remedy_can_be_applied():
    ill = variational(4, "bce", 0.001, 30)
    for remedy in check(patient(ill)).remedies:
        model = clone(ill).set_params(**remedy.patch)
        assert not model.part("code").problems() and not model.part("training").problems()


def test_a_code_that_has_collapsed_is_the_prior_and_no_mismatch():
    found = check(patient(variational(8, "mse", 1.0, 15)))
    assert found.severity == "ok"
    assert found.evidence["auc"].value == pytest.approx(0.5, abs=0.08)


def test_codes_without_a_prior_are_skipped_with_the_reason():
    assert "no prior" in check(patient(healthy())).why
    found = check(functions(lambda x: x[:, :2], lambda z: np.zeros((len(z), 64))))
    assert found.severity == "skipped"


def test_missing_entries_and_a_code_of_one_number_are_no_obstacle():
    X = digits()[0].reshape(1300, -1)[:400].copy()
    X[np.random.default_rng(0).random(X.shape) < 0.1] = np.nan
    training = Training(max_epochs=3, batch_size=64, threads=1)
    model = vae(1, (16,), random_state=0).set_params(training=training).fit(X[:300])
    found = check(of_model(model, X[:300], X[300:]))
    assert found.severity != "skipped"
    assert all(np.isfinite(one.value) for one in found.evidence.values())
