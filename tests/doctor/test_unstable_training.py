import numpy as np
import pytest
import torch

from doctor.patients import digits, functions, healthy, patient
from isthmus import Autoencoder
from isthmus.architectures import Dense
from isthmus.doctor.admission import of_model
from isthmus.doctor.checks.unstable_training import UnstableTraining
from isthmus.training import Training

check = UnstableTraining()
X = np.random.default_rng(0).normal(size=(200, 6)).astype(np.float32)


def small(losses=None, stopped="max_epochs", reconstruction=None):
    """A model of six columns with a history of our own making."""
    training = Training(max_epochs=2, batch_size=32, threads=1)
    model = Autoencoder(Dense(hidden=(16,)), code=3, training=training, random_state=0).fit(X)
    if losses is not None:
        reconstruction = losses if reconstruction is None else reconstruction
        model.history_ = [
            {"epoch": place + 1, "loss": loss, "reconstruction": part}
            for place, (loss, part) in enumerate(zip(losses, reconstruction, strict=True))
        ]
    model.training_summary_["stopped"] = stopped
    return of_model(model, X)


def test_a_sound_model_is_ok_and_no_weight_of_it_changes():
    before = {name: value.clone() for name, value in healthy().network_.state_dict().items()}
    state = torch.get_rng_state()
    found = check(patient(healthy()))
    assert found.severity == "ok"
    assert found.evidence["spikes"].value == 0
    assert found.evidence["first_epoch"].value < 1
    assert found.evidence["spread_of_gradients"].value < 100
    assert all(torch.equal(value, before[name]) for name, value in healthy().network_.state_dict().items())
    assert torch.equal(state, torch.get_rng_state())


def test_a_rate_that_throws_the_weights_far_is_a_failure_and_its_remedies_can_be_applied():
    training = Training(max_epochs=3, batch_size=64, learning_rate=0.3, threads=1)
    model = Autoencoder(Dense(hidden=(64, 32)), code=8, training=training, random_state=0).fit(digits()[0])
    found = check(patient(model))
    assert found.severity == "failure"
    assert found.evidence["first_epoch"].value > 10
    for remedy in found.remedies:
        model.set_params(**remedy.patch)
    assert model.training.learning_rate == pytest.approx(0.1)
    assert model.training.gradient_clip == 1.0
    assert check(patient(model.set_params(**found.remedy.patch).fit(digits()[0]))).severity == "ok"


def test_a_training_that_broke_off_is_a_failure():
    found = check(small([3, 2, 1.5], stopped="non-finite"))
    assert found.severity == "failure"
    assert "broke off" in found.title


def test_jumps_are_judged_by_what_stays_lost():
    steady = [3, 2, 1.5, 1.2, 1.1, 1.12, 1.05, 1.0, 1.03, 1.0]
    assert check(small(steady)).severity == "ok"
    once = check(small([3, 2, 1.5, 2.6, 1.4, 1.2, 1.1, 1.0]))
    assert once.severity == "info"
    assert once.evidence["spikes"].value == 1
    assert once.evidence["largest_rise"].value == pytest.approx(1.1 / 1.5)
    assert check(small([3, 1, 2, 1, 2, 1, 2, 1])).severity == "warning"
    lost = check(small([3, 2, 1, 2.8, 2.8, 2.8]))
    assert lost.severity == "failure"
    assert "epoch 4" in lost.title


def test_a_loss_that_rises_slowly_is_a_weight_that_grows_and_no_jump():
    assert check(small([3, 1, *np.linspace(1, 2.9, 30)])).severity == "ok"


def test_a_penalty_whose_weight_jumps_is_no_jump_and_one_that_the_reconstruction_gives_way_to_neither():
    jumps, falls = [3, 2, 1, 2.8, 2.8, 2.8], [3, 2, 1.5, 1.2, 1.1, 1.0]
    assert check(small(jumps, reconstruction=falls)).severity == "ok"
    assert check(small(falls, reconstruction=jumps)).severity == "ok"
    assert check(small(jumps, reconstruction=jumps)).severity == "failure"


def test_a_chain_of_logistic_layers_loses_its_gradient():
    training = Training(max_epochs=1, batch_size=64, initial_weights="as_built", threads=1)
    architecture = Dense(hidden=(32,) * 6, activation="sigmoid")
    model = Autoencoder(architecture, code=4, training=training, random_state=0).fit(digits()[0])
    found = check(patient(model))
    assert found.severity == "warning"
    assert "vanish" in found.title
    for remedy in found.remedies:
        model.set_params(**remedy.patch)
    assert model.architecture.activation == "leaky_relu"


def test_a_linear_encoder_that_is_best_as_it_is_has_no_gradient_and_lets_every_one_pass():
    rows = np.random.default_rng(0).normal(size=(200, 4)) @ np.random.default_rng(1).normal(size=(4, 12))
    training = Training(
        max_epochs=3, batch_size=32, initial_weights="pca", learning_rate=1e-5, schedule="cosine", threads=1
    )
    model = Autoencoder(Dense(hidden=()), code=2, training=training, random_state=0)
    found = check(of_model(model.fit(rows.astype(np.float32)), rows.astype(np.float32)))
    assert found.evidence["spread_of_gradients"].value > 1e4
    assert found.evidence["spread_for_random_errors"].value < 100
    assert found.severity == "ok"


def test_unknown_entries_and_few_rows():
    holes = np.where(np.random.default_rng(1).random(X.shape) < 0.2, np.nan, X)[:31]
    training = Training(max_epochs=30, batch_size=8, threads=1)
    model = Autoencoder(
        Dense(hidden=(16,), normalization="batch"), code=2, training=training, random_state=0
    ).fit(holes)
    assert check(of_model(model, holes)).severity == "ok"


def test_functions_have_no_training():
    assert check(functions(lambda x: x[:, :2], lambda z: np.zeros((len(z), 64)))).severity == "skipped"
