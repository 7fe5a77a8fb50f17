from functools import cache

import numpy as np
import pytest
import torch

from doctor.patients import digits, functions, healthy, patient
from isthmus import Autoencoder
from isthmus.architectures import Dense
from isthmus.codes import Gaussian
from isthmus.doctor.admission import of_model
from isthmus.doctor.checks.posterior_misfit import PosteriorMisfit
from isthmus.training import Training

check = PosteriorMisfit()


def training(epochs, rate=3e-3):
    return Training(max_epochs=epochs, batch_size=64, learning_rate=rate, threads=1)


def variational(rows=1300, epochs=40):
    model = Autoencoder(
        Dense(hidden=(128, 64)),
        code=Gaussian(8, beta=0.3),
        loss="bce",
        training=training(epochs),
        random_state=0,
    )
    return model.fit(digits()[0][:rows])


@cache
def sound():
    return variational()


def test_a_sound_model_is_ok():
    found = check(patient(sound()))
    assert found.severity == "ok"
    assert found.evidence["share_of_carried"].high < 0.1


@pytest.mark.slow
def test_an_encoder_of_few_rows_is_found_and_its_remedies_apply():
    few = variational(40, 600)
    found = check(patient(few))
    assert found.severity in ("info", "warning")
    assert (
        found.evidence["share_of_carried"].value
        > 2 * check(patient(sound())).evidence["share_of_carried"].value
    )
    for remedy in found.remedies:
        few.set_params(**remedy.patch)
    few.set_params(training__max_epochs=1).fit(digits()[0][:40])


@pytest.mark.slow
def test_the_gap_of_a_known_shift_of_all_means_is_found_again():
    """With a linear decoder and unit noise the best posterior is known: its bound is the likelihood itself."""
    table = np.random.default_rng(0).normal(size=(800, 2)) @ np.random.default_rng(1).normal(size=(2, 6))
    table += np.random.default_rng(2).normal(size=table.shape)
    model = Autoencoder(Dense(hidden=()), code=Gaussian(2), training=training(150, 1e-2), random_state=0)
    model.fit(table[:600])
    before = check(of_model(model, table[:600], table[600:])).evidence
    assert before["amortization_gap"].value == pytest.approx(0, abs=0.05)
    last = [one for one in model.network_.encoder.modules() if isinstance(one, torch.nn.Linear)][-1]
    with torch.no_grad():
        last.bias[:2] += 1.0
    weights = next(
        one.weight for one in model.network_.decoder.modules() if isinstance(one, torch.nn.Linear)
    ).detach()
    precision = torch.eye(2) + weights.T @ weights
    found = check(of_model(model, table[:600], table[600:]))
    gap = found.evidence["amortization_gap"]
    assert gap.value == pytest.approx(float(precision.sum()) / 2, rel=0.1)
    assert gap.value - before["amortization_gap"].value > 0.5
    assert found.severity in ("info", "warning")


def test_rows_with_holes_are_judged_by_what_is_known():
    table = 2 * np.random.default_rng(0).normal(size=(400, 2)) @ np.random.default_rng(1).normal(size=(2, 8))
    table[np.random.default_rng(2).random(table.shape) < 0.2] = np.nan
    model = Autoencoder(Dense(hidden=(32,)), code=Gaussian(2), training=training(40), random_state=0)
    found = check(of_model(model.fit(table[:300]), table[:300], table[300:]))
    assert found.severity != "skipped"
    assert np.isfinite(found.evidence["bound"].value)


def test_the_verdict_is_the_same_twice():
    assert check(patient(sound())).to_json() == check(patient(sound())).to_json()


def test_what_has_no_posterior_or_one_that_says_nothing_is_skipped_with_the_reason():
    assert "Deterministic" in check(patient(healthy())).why
    assert "pair of functions" in check(functions(lambda x: x[:, :2], lambda z: np.tile(z[:, :1], 64))).why
    collapsed = Autoencoder(code=Gaussian(4, beta=100.0), training=training(3), random_state=0)
    assert "posterior-collapse" in check(patient(collapsed.fit(digits()[0]))).why
