import numpy as np
import pytest

from doctor.patients import digits, functions, healthy, patient
from isthmus import Autoencoder
from isthmus.doctor.checks.mean_collapse import MeanCollapse
from isthmus.training import Training

check = MeanCollapse()


def test_a_sound_model_is_ok():
    assert check(patient(healthy())).severity == "ok"


def test_a_constant_answer_is_a_failure_and_explains_nothing():
    center = digits()[0].reshape(1300, -1).mean(axis=0)
    found = check(functions(lambda x: x[:, :4], lambda z: np.tile(center, (len(z), 1))))
    assert found.severity == "failure"
    assert found.evidence["explained_variance"].value == pytest.approx(0, abs=0.01)
    assert found.evidence["output_variance"].value == pytest.approx(0, abs=1e-9)
    assert not found.remedy.patch  # there are no parts to change


def test_a_trained_model_of_a_rate_that_kills_it_is_found_and_its_remedy_can_be_applied():
    training = Training(max_epochs=5, batch_size=64, learning_rate=1.0)
    model = Autoencoder(code=8, training=training, random_state=0).fit(digits()[0])
    found = check(patient(model))
    assert found.severity == "failure"
    assert dict(found.remedy.patch) == {"training__learning_rate": None, "training__max_epochs": 143}
    cured = model.set_params(**found.remedies[1].patch)
    assert cured.training.learning_rate == pytest.approx(0.1)


def test_noise_without_structure_cannot_be_compressed_and_that_is_no_failure():
    noise = np.random.default_rng(0).normal(size=(600, 60)).astype(np.float32)
    found = check(functions(lambda x: x[:, :1], lambda z: np.zeros((len(z), 60)), noise[:300], noise[300:]))
    assert found.severity in ("ok", "info")
