import numpy as np
import pytest
import torch

from doctor.patients import digits, functions, healthy, patient
from isthmus import Autoencoder
from isthmus.architectures import Conv, Dense
from isthmus.codes import TopK
from isthmus.doctor.admission import of_model
from isthmus.doctor.checks.dead_units import DeadUnits
from isthmus.training import Training
from isthmus.training.initial.initial import Initial
from isthmus.training.initial.kaiming import Kaiming

check = DeadUnits()


def quick(**fields):
    return Training(**({"max_epochs": 2, "batch_size": 64, "threads": 1} | fields))


def test_a_sound_model_is_ok_and_its_few_idle_units_are_counted():
    found = check(patient(healthy()))
    assert found.severity == "ok"
    assert found.evidence["idle_code"].value == 0
    assert 0 < found.evidence["idle_encoder_layer_2"].value < 0.5
    assert 0 <= found.evidence["idle_encoder_layer_2"].against < 0.2


def test_a_rate_that_kills_units_is_found_and_every_remedy_can_be_applied():
    model = Autoencoder(Dense(hidden=(64, 32)), code=8, training=quick(learning_rate=1.0), random_state=0)
    found = check(patient(model.fit(digits()[0])))
    assert found.severity == "failure"
    assert found.remedies[0].patch == {"training__learning_rate": 0.00333, "training__max_epochs": 143}
    assert found.remedies[1].patch == {"training__learning_rate": pytest.approx(0.1)}
    for remedy in found.remedies:
        Autoencoder(Dense(hidden=(64, 32)), code=8, training=quick()).set_params(**remedy.patch).fit(
            digits()[0][:64]
        )


class Silent(Initial):
    """Kaiming's weights, and biases at which no unit of the first layer fires."""

    def __call__(self, network, *, batch, generator):
        Kaiming()(network, batch=batch, generator=generator)
        with torch.no_grad():
            network.encoder.blocks[0].bias.fill_(-100.0)


def test_units_that_were_idle_before_the_first_step_get_other_initial_weights_first():
    def fitted(initial):
        training = quick(max_epochs=1, initial_weights=initial)
        return Autoencoder(Dense(hidden=(20,)), code=3, training=training, random_state=0).fit(digits()[0])

    found = check(patient(fitted(Silent())))
    assert found.title.startswith("20 of 20 units of the encoder layer 1")
    assert [remedy.patch["training__initial_weights"] for remedy in found.remedies[:2]] == ["kaiming", "lsuv"]
    cured = fitted(found.remedy.patch["training__initial_weights"])
    assert check(patient(cured)).severity == "ok"


def silenced(units):
    """A rectified layer of 20 units of which the first ones are pushed below 0 for good."""
    X = np.random.default_rng(0).normal(size=(300, 6)).astype(np.float32)
    model = Autoencoder(Dense(hidden=(20,)), code=3, training=quick(), random_state=0).fit(X)
    with torch.no_grad():
        model.network_.encoder.blocks[0].bias[:units] = -1e4
    return of_model(model, X)


def test_units_of_a_layer_are_counted_exactly_and_a_few_are_no_matter():
    for units, severity in ((5, "ok"), (14, "warning"), (20, "failure")):
        found = check(silenced(units))
        assert found.evidence["idle_encoder_layer_1"].value == pytest.approx(units / 20)
        assert found.severity == severity


def test_rectified_units_that_are_always_on_are_not_dead():
    X = np.random.default_rng(0).normal(size=(300, 6)).astype(np.float32)
    model = Autoencoder(Dense(hidden=(20,)), code=3, training=quick(), random_state=0).fit(X)
    with torch.no_grad():
        model.network_.encoder.blocks[0].bias[:] = 100
    assert check(of_model(model, X)).evidence["idle_encoder_layer_1"].value == 0


def test_units_stuck_at_a_bound_are_idle_and_those_at_both_are_saturated():
    X = np.random.default_rng(0).normal(size=(300, 6)).astype(np.float32)
    model = Autoencoder(Dense(hidden=(20,), activation="tanh"), code=3, training=quick(), random_state=0).fit(
        X
    )
    with torch.no_grad():
        model.network_.encoder.blocks[0].weight[:] *= 1e4
        model.network_.encoder.blocks[0].bias[:10] = 1e6
    found = check(of_model(model, X))
    assert found.evidence["idle_encoder_layer_1"].value == pytest.approx(0.5)
    assert found.evidence["saturated_encoder_layer_1"].value == 1
    assert found.severity == "warning"
    assert found.remedy.patch == {"scaling": "standard"}


def test_units_of_a_sparse_code_that_never_fire_are_counted_and_get_a_loss_of_their_own():
    X = digits()[0].reshape(1300, -1)
    model = Autoencoder(
        Dense(hidden=()), code=TopK(60, k=4), training=quick(learning_rate=0.05), random_state=0
    )
    model.fit(X)
    with torch.no_grad():
        model.network_.encoder.blocks[-1].bias[:45] = -1e4
    found = check(of_model(model, X))
    assert found.evidence["idle_code"].value >= 45 / 60
    assert found.severity == "failure"
    model.set_params(**found.remedy.patch).fit(X)
    assert [type(item).__name__ for item in model.penalties] == ["AuxiliaryK"]


def test_channels_are_the_units_of_convolutions():
    model = Autoencoder(Conv(channels=(6, 8)), code=4, training=quick(max_epochs=1), random_state=0)
    images = digits()[0][:200]
    model.fit(images)
    with torch.no_grad():
        next(layer for layer in model.network_.encoder.modules() if isinstance(layer, torch.nn.Conv2d)).bias[
            :3
        ] = -1e4
    found = check(of_model(model, images))
    assert found.evidence["idle_encoder_layer_1"].n == 6
    assert found.evidence["idle_encoder_layer_1"].value >= 0.5


def test_functions_are_judged_by_their_codes():
    def encode(x):
        return np.concatenate([x[:, 20:26], np.zeros((len(x), 2)), np.ones((len(x), 2))], axis=1)

    found = check(functions(encode, lambda z: np.zeros((len(z), 64))))
    assert found.evidence["idle_code"].value == pytest.approx(0.4)
    assert found.severity == "warning"
    assert not found.remedy.patch


def test_a_code_of_one_number_that_varies_is_ok():
    assert check(functions(lambda x: x[:, 20:21], lambda z: np.zeros((len(z), 64)))).severity == "ok"
