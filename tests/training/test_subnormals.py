"""Running means that fade leave no subnormal numbers behind, and no weight changes for it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from isthmus import registry
from isthmus.training import subnormals

TINY = torch.finfo(torch.float32).tiny


def faded(name: str, *, flushed: bool, steps: int = 1500) -> tuple[torch.Tensor, int]:
    """Weights after one step with a gradient and many without, and the most subnormal numbers seen in the state."""
    torch.manual_seed(0)
    weight = nn.Parameter(torch.randn(8, 6))
    optimizer = registry.named("training.optimizers", name)().build([("w", weight)], learning_rate=1e-3)
    most = 0
    for step in range(1, steps + 1):
        weight.grad = torch.randn_like(weight) if step == 1 else torch.zeros_like(weight)
        optimizer.step()
        if flushed:
            subnormals.flush(optimizer, step)
        for state in optimizer.state.values():
            values = [value for value in state.values() if torch.is_tensor(value) and value.ndim]
            most = max([most, *(int(((value != 0) & (value.abs() < TINY)).sum()) for value in values)])
    return weight.detach(), most


@pytest.mark.parametrize("name", ["adam", "sgd"])
def test_moments_without_gradient_become_zero_and_the_weights_are_the_same(name: str) -> None:
    weights, none = faded(name, flushed=True)
    same, some = faded(name, flushed=False)
    assert none == 0
    assert some > 0, "nothing to flush: the test proves nothing"
    assert torch.equal(weights, same)


def test_what_counts_is_left_alone() -> None:
    weight = nn.Parameter(torch.zeros(4, 3))
    optimizer = registry.named("training.optimizers", "adam")().build([("w", weight)], learning_rate=1e-3)
    weight.grad = torch.full_like(weight, 1e-12)
    optimizer.step()
    before = {name: value.clone() for name, value in optimizer.state[weight].items()}
    subnormals.flush(optimizer, subnormals.INTERVAL)
    assert all(torch.equal(value, before[name]) for name, value in optimizer.state[weight].items())


def test_a_number_that_is_not_one_stays_visible() -> None:
    weight = nn.Parameter(torch.zeros(2, 2))
    optimizer = registry.named("training.optimizers", "adam")().build([("w", weight)], learning_rate=1e-3)
    weight.grad = torch.full_like(weight, torch.nan)
    optimizer.step()
    subnormals.flush(optimizer, subnormals.INTERVAL)
    assert optimizer.state[weight]["exp_avg"].isnan().all()
