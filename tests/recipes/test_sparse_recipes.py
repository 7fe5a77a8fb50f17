"""The sparse recipes on the digits: the sparsity that was asked, a reconstruction that was learned, living units."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from isthmus import recipes
from isthmus.architectures import Dense
from isthmus.codes import TopK
from isthmus.metrics.dead_units import unit_activity
from isthmus.penalties import AuxiliaryK, KLSparsity
from isthmus.training.initial import Transposed

DIGITS = (load_digits().data / 16).astype(np.float32)
L0 = 8.0


def fitted(name, **fields):
    model = recipes.get(name)(**{"code_size": 96, "random_state": 0} | fields)
    model.set_params(
        training__max_epochs=40, training__batch_size=128, training__threads=1, training__learning_rate=2e-3
    )
    return model.fit(DIGITS)


@pytest.mark.parametrize(
    ("name", "fields", "tolerance"),
    [
        ("sparse_l1", {"l0": L0}, 0.1),
        ("k_sparse", {"k": int(L0)}, 0.0),
        ("batch_top_k", {"k": int(L0)}, 0.1),
        ("winner_take_all", {"rate": L0 / 96}, 0.25),
        ("jump_relu", {"l0": L0}, 0.1),
        ("gated_sparse", {"l0": L0}, 0.15),
    ],
)
def test_a_requested_sparsity_is_reached(name, fields, tolerance):
    model = fitted(name, **fields)
    activity = unit_activity(model.network_, model.batches(DIGITS))
    assert activity.l0 == pytest.approx(L0, rel=tolerance)
    assert activity.dead < 0.2
    found = model.evaluate(DIGITS)
    assert found["mse"] < 0.35 * found["baselines"]["mean"]["mse"]


def test_a_requested_activity_is_reached():
    model = fitted("sparse_kl", code_size=200, activity=0.05)
    assert float(model.transform(DIGITS).mean()) == pytest.approx(0.05, rel=0.1)
    found = model.evaluate(DIGITS)
    assert found["mse"] < 0.7 * found["baselines"]["mean"]["mse"]


def test_what_they_compose():
    model = recipes.k_sparse(400, (64,), k_inference=30)
    assert model.architecture == Dense(hidden=(64,), tied=True)
    assert model.code == TopK(400, 10, 30, activation="identity")
    assert model.penalties == (AuxiliaryK(),)
    assert model.training.initial_weights == Transposed()
    assert recipes.sparse_kl(activity=0.1).penalties == (KLSparsity(0.1, 0.1),)
    assert recipes.batch_top_k().code.k == 16
