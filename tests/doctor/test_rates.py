"""A learning rate found by trying beside the optimizer's own."""

import numpy as np
import pytest
import torch

from doctor.patients import digits
from isthmus import Autoencoder
from isthmus.architectures import Dense
from isthmus.doctor import rates
from isthmus.doctor.admission import of_model
from isthmus.doctor.rates import CALM, LEAST_STEPS, STEPS, TRIED, trials
from isthmus.errors import NonFiniteError
from isthmus.training import Training
from isthmus.training.optimizers import Adam


def patient(rows=None, hidden=(64, 32), **settings):
    X, held_out = digits()[0][:rows], digits()[1]
    training = Training(**({"max_epochs": 1, "batch_size": 64, "threads": 1} | settings))
    model = Autoencoder(Dense(hidden=hidden), code=8, training=training, random_state=0).fit(X)
    return of_model(model, X, held_out)


def test_a_rate_found_by_trials_trains_better_than_the_optimizers_own():
    state = torch.get_rng_state()
    one = patient(learning_rate=1.0)
    found = trials(one)
    assert found is trials(one)
    assert torch.equal(state, torch.get_rng_state())
    own = Adam().peak_learning_rate
    assert found.rates == pytest.approx([factor * own for factor in TRIED])
    assert found.rate in [pytest.approx(CALM * rate, rel=1e-2) for rate in found.rates]
    assert LEAST_STEPS <= found.steps <= STEPS

    def error(rate):
        model = patient(learning_rate=rate, max_epochs=40).model
        return model.evaluate(digits()[1])["mse"]

    assert error(found.rate) < 0.95 * error(None)


def test_the_trials_do_not_look_at_held_out_rows():
    X, held_out = digits()[:2]
    model = patient().model
    noise = np.random.default_rng(0).uniform(size=held_out.shape).astype(np.float32)
    assert trials(of_model(model, X, held_out)) == trials(of_model(model, X, noise))


def test_there_are_no_trials_of_few_rows_or_large_networks():
    assert trials(patient(rows=150)) is None
    assert trials(patient(hidden=(2000, 2000))) is None


def test_small_batches_do_not_make_trials_longer():
    assert trials(patient(batch_size=2)).steps <= STEPS


def test_rates_at_which_training_breaks_are_left_out(monkeypatch):
    whole = rates.shortly_trained

    def breaking(*arguments, rate, **options):
        if rate > 0.002:
            raise NonFiniteError("the loss is not finite")
        return whole(*arguments, rate=rate, **options)

    monkeypatch.setattr(rates, "shortly_trained", breaking)
    assert trials(patient()).rates == (0.001,)
