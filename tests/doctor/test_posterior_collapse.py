import copy

import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch import nn

from doctor.patients import digits, functions, healthy, patient
from doctor.variational import variational
from isthmus.doctor.admission import of_model
from isthmus.doctor.checks.posterior_collapse import PosteriorCollapse
from isthmus.recipes import vae
from isthmus.training import Training

check = PosteriorCollapse()


def test_a_sound_model_is_ok_and_information_is_less_than_its_divergence_costs():
    found = check(patient(variational()))
    assert found.severity == "ok"
    assert found.evidence["active_units"].value == 4
    assert found.evidence["information"].value <= found.evidence["divergence"].value
    assert found.evidence["divergence"].value == pytest.approx(found.evidence["divergence_of_units"].sum())


@pytest.mark.slow
def test_a_decoder_of_unit_variance_on_gray_values_collapses_and_a_smaller_beta_cures_it():
    ill = variational(8, "mse", 1.0, 15)
    found = check(patient(ill))
    assert found.severity == "failure" and found.evidence["active_units"].value <= 1
    assert found.evidence["information"].value < 0.5 < found.evidence["information"].against
    assert found.remedy.patch["code__beta"] < 0.05
    model = clone(ill).set_params(**found.remedy.patch).fit(digits()[0])
    assert not check(patient(model)).bad


def test_every_remedy_of_a_collapse_can_be_applied():
    ill = variational(8, "mse", 1.0, 15)
    for remedy in check(patient(ill)).remedies:
        model = clone(ill).set_params(**remedy.patch)
        assert not model.part("code").problems() and not model.part("training").problems()


def test_a_unit_left_to_the_prior_is_no_fault_where_the_others_suffice():
    model = copy.deepcopy(variational())
    last = [layer for layer in model.network_.encoder.modules() if isinstance(layer, nn.Linear)][-1]
    with torch.no_grad():
        for row in (0, 4):  # mean and log variance of the first unit: the prior, whatever the row
            last.weight[row] = 0
            last.bias[row] = 0
    found = check(patient(model))
    assert found.severity == "info"
    assert found.evidence["active_units"].value == 3
    assert found.evidence["divergence_of_units"][0] == pytest.approx(0.0, abs=1e-9)
    assert model.set_params(**found.remedy.patch).part("code").size == 3


def test_codes_without_a_posterior_are_skipped_with_the_reason():
    assert "Deterministic" in check(patient(healthy())).why
    found = check(functions(lambda x: x[:, :2], lambda z: np.zeros((len(z), 64))))
    assert found.severity == "skipped" and "functions" in found.why


def test_noise_that_cannot_be_compressed_leaves_nothing_to_say():
    X = np.random.default_rng(0).normal(size=(400, 60)).astype(np.float32)
    training = Training(max_epochs=3, threads=1)
    model = vae(2, (8,), loss="mse", random_state=0).set_params(training=training).fit(X[:200])
    assert not check(of_model(model, X[:200], X[200:])).bad
