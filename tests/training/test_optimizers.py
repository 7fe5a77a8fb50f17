"""Optimisers against PyTorch's own, and Muon against its definition."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from isthmus.errors import ParameterError
from isthmus.training.optimizers import muon
from isthmus.training.optimizers.adam import Adam
from isthmus.training.optimizers.muon import Muon, orthogonalized
from isthmus.training.optimizers.sgd import SGD


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def parameters(*shapes, dtype=torch.float64, seed=0):
    drawn = generator(seed)
    return [nn.Parameter(torch.randn(shape, generator=drawn, dtype=dtype)) for shape in shapes]


def named(values):
    return [(f"p{number}", value) for number, value in enumerate(values)]


def run(optimizer, values, steps=6, seed=3):
    drawn = generator(seed)
    for _ in range(steps):
        for value in values:
            value.grad = torch.randn(value.shape, generator=drawn, dtype=value.dtype)
        optimizer.step()
    return [value.detach().clone() for value in values]


def test_the_multiplications_of_muon_are_those_that_torch_counts():
    values = [nn.Parameter(torch.randn(shape)) for shape in ((7, 20), (20, 7), (4, 3, 2, 2), (9,))]
    for value in values:
        value.grad = torch.randn_like(value)
    optimizer = Muon().build(named(values), learning_rate=0.1)
    with FlopCounterMode(display=False) as counter:
        optimizer.step()
    assert Muon().multiplications(values) == counter.get_total_flops() / 2
    assert Adam().multiplications(values) == 0


@pytest.mark.parametrize(
    ("part", "reference"),
    [
        (
            Adam(weight_decay=0.1, beta1=0.8),
            lambda v: torch.optim.AdamW(v, 1e-2, (0.8, 0.999), weight_decay=0.1),
        ),
        (Adam(), lambda v: torch.optim.Adam(v, 1e-2)),
        (SGD(), lambda v: torch.optim.SGD(v, 1e-2, momentum=0.9, nesterov=True)),
        (
            SGD(momentum=0.0, nesterov=False, weight_decay=0.1),
            lambda v: torch.optim.SGD(v, 1e-2, weight_decay=0.1),
        ),
    ],
    ids=["adamw", "adam", "nesterov", "plain"],
)
def test_adam_and_sgd_are_pytorchs(part, reference):
    ours, theirs = (parameters((4, 3), (5,)) for _ in range(2))
    got = run(part.build(named(ours), learning_rate=1e-2), ours)
    for value, expected in zip(got, run(reference(theirs), theirs), strict=True):
        torch.testing.assert_close(value, expected, rtol=1e-12, atol=1e-14)


def test_nesterov_needs_momentum():
    with pytest.raises(ParameterError, match="momentum of SGD must be above 0 with nesterov=True"):
        SGD(momentum=0.0)


@pytest.mark.parametrize("shape", [(3, 8, 8), (2, 5, 40), (1, 1, 7), (1, 1, 1)])
def test_orthogonalized_singular_values(shape):
    x = torch.randn(shape, generator=generator())
    values = torch.linalg.svdvals(orthogonalized(x, steps=5))
    assert values.min() > 0.85
    assert values.max() < 1.15
    nearer = torch.linalg.svdvals(orthogonalized(x, steps=9))
    assert (nearer - 1).abs().max() < 0.03


def test_orthogonalized_spreads_singular_values_of_a_thousandth():
    u, v = (torch.linalg.qr(torch.randn(20, 20, generator=generator(seed)))[0] for seed in (0, 1))
    x = u @ torch.diag(torch.logspace(-2.5, 0, 20)) @ v.t()
    found = orthogonalized(x[None], steps=7)[0]
    # The nearest orthogonal matrix is the polar factor: singular vectors stay.
    torch.testing.assert_close(found, u @ v.t(), rtol=0, atol=0.1)


def test_orthogonalized_of_zeros_is_zero():
    assert orthogonalized(torch.zeros(2, 3, 4), steps=5).abs().max() == 0


def test_orthogonalized_in_bfloat16():
    x = torch.randn(4, 16, 32, generator=generator()).bfloat16()
    values = torch.linalg.svdvals(orthogonalized(x, steps=5).float())
    assert values.min() > 0.8 and values.max() < 1.2


def exact_polar(matrices, *, steps):
    u, _, v = torch.linalg.svd(matrices, full_matrices=False)
    return u @ v


def test_muon_follows_its_formula_with_an_exact_polar_factor(monkeypatch):
    monkeypatch.setattr(muon, "orthogonalized", exact_polar)
    tall, wide = values = parameters((6, 3), (3, 6))
    weights = [value.detach().clone() for value in values]
    averages = [torch.zeros_like(value) for value in values]
    optimizer = Muon(momentum=0.9, weight_decay=0.2).build(named(values), learning_rate=0.05)
    drawn = generator(3)
    for _ in range(4):
        for number, value in enumerate(values):
            gradient = torch.randn(value.shape, generator=drawn, dtype=value.dtype)
            value.grad = gradient.clone()
            averages[number] = 0.9 * averages[number] + 0.1 * gradient
            update = exact_polar((0.1 * gradient + 0.9 * averages[number])[None], steps=0)[0]
            scale = max(1.0, value.shape[0] / value.shape[1]) ** 0.5
            weights[number] = weights[number] * (1 - 0.05 * 0.2) - 0.05 * scale * update
        optimizer.step()
    for value, expected in zip((tall, wide), weights, strict=True):
        torch.testing.assert_close(value.detach(), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("shape", [(12, 5), (5, 12), (8, 8)])
def test_muon_is_pytorchs_within_the_error_of_both_iterations(shape):
    ours, theirs = (parameters(shape, dtype=torch.float32) for _ in range(2))
    start = ours[0].detach().clone()
    first = Muon(steps=9).build(named(ours), learning_rate=0.02)
    second = torch.optim.Muon(theirs, lr=0.02, momentum=0.95, weight_decay=0.0, nesterov=True)
    moves = [run(optimizer, values, 1)[0] - start for optimizer, values in ((first, ours), (second, theirs))]
    # PyTorch iterates in bfloat16 to singular values between 0.7 and 1.2, so directions agree and sizes nearly.
    cosine = torch.cosine_similarity(moves[0].flatten(), moves[1].flatten(), dim=0)
    assert cosine > 0.97
    assert 0.7 < moves[1].norm() / moves[0].norm() < 1.3


def test_muon_gives_stacked_and_single_matrices_the_same():
    shapes = [(6, 4), (4, 6), (6, 4), (3, 2, 2)]
    together, apart = (parameters(*shapes, dtype=torch.float32) for _ in range(2))
    optimizer = Muon().build(named(together), learning_rate=0.02)
    singles = [Muon().build([("p", value)], learning_rate=0.02) for value in apart]
    drawn = generator(5)
    for _ in range(3):
        for one, two in zip(together, apart, strict=True):
            one.grad = torch.randn(one.shape, generator=drawn)
            two.grad = one.grad.clone()
        optimizer.step()
        for single in singles:
            single.step()
    for one, two in zip(together, apart, strict=True):
        torch.testing.assert_close(one.detach(), two.detach(), rtol=0, atol=2e-3)


def test_muon_gives_biases_to_adam():
    ours, theirs = (parameters((7,)) for _ in range(2))
    got = run(Muon(adam_ratio=0.5).build(named(ours), learning_rate=0.02), ours)
    expected = run(torch.optim.Adam(theirs, 0.01, (0.9, 0.99)), theirs)
    torch.testing.assert_close(got[0], expected[0], rtol=1e-10, atol=1e-12)


def test_muon_leaves_parameters_without_gradient():
    matrix, bias = values = parameters((3, 2), (3,))
    before = [value.detach().clone() for value in values]
    optimizer = Muon().build(named(values), learning_rate=0.02)
    bias.grad = torch.ones(3, dtype=torch.float64)
    optimizer.step()
    assert torch.equal(matrix, before[0])
    assert not torch.equal(bias, before[1])


def test_the_direct_step_of_adam_gives_the_bits_of_pytorchs_own():
    from isthmus.training.optimizers.adam import DirectAdamW

    results = []
    for kind in (DirectAdamW, torch.optim.AdamW):
        torch.manual_seed(0)
        layer = torch.nn.Linear(7, 5)
        optimizer = kind(layer.parameters(), lr=1e-2, weight_decay=0.1, fused=True)
        for _ in range(20):
            layer.weight.grad, layer.bias.grad = torch.randn(5, 7), torch.randn(5)
            optimizer.step()
        results.append([*layer.parameters(), *(v for s in optimizer.state.values() for v in s.values())])
    assert all(map(torch.equal, *results))
