"""What the contractive recipes compose, and that they contract."""

import numpy as np
import torch
from sklearn.datasets import load_digits

from isthmus import recipes
from isthmus.nn.tangents import linearized
from isthmus.penalties import Contractive, ContractiveHessian

X = (load_digits().data / 16).astype(np.float32)


def norm(model):
    """Mean squared norm of the code's Jacobian over rows of X."""
    jacobian = linearized(model.network_, torch.from_numpy(X[:100]))
    units = torch.eye(model.code_size_)[:, None].expand(-1, 100, -1)
    return float(jacobian.pull(units).detach().square().sum((0, 2)).mean())


def test_composition():
    model = recipes.contractive(code_size=25, hidden=(512, 256), weight=0.2)
    assert model.penalties == (Contractive(0.2),)
    assert model.architecture.tied
    assert model.code.activation == "sigmoid"
    model = recipes.contractive_hessian(hessian=3.0, std=0.2, samples=4)
    assert model.penalties == (ContractiveHessian(0.1, hessian=3.0, std=0.2, samples=4),)


def test_they_contract():
    plain, first, second = (
        recipe(code_size=30, hidden=(), random_state=0, **fields)
        .set_params(training__max_epochs=12, training__batch_size=64, training__learning_rate=1e-2)
        .fit(X[:1000])
        for recipe, fields in (
            (recipes.contractive, {"weight": 0.0}),
            (recipes.contractive, {"weight": 0.3}),
            (recipes.contractive_hessian, {"weight": 0.3}),
        )
    )
    assert norm(first) < 0.7 * norm(plain)
    assert norm(second) < 0.7 * norm(plain)
    held_out = X[1400:]
    for model in (first, second):
        assert float(model.reconstruction_error(held_out).mean()) < 0.7 * float(held_out.var(0).mean())
    assert "contractive" in first.history_[-1]
    assert "contractive_hessian" in second.history_[-1]
