"""Gaussian noise and L1 at hand-worked points."""

import pytest
import torch

from isthmus.architectures.dense import Dense
from isthmus.corruptions.gaussian_noise import GaussianNoise
from isthmus.errors import ParameterError
from isthmus.objective import Objective
from isthmus.penalties.l1 import L1
from isthmus.types import Batch, Context, Event
from training.networks import network, rows


def test_noise_is_the_generators_normal_numbers_times_std():
    x = rows(5)
    noise = torch.empty_like(x).normal_(generator=torch.Generator().manual_seed(1))
    found = GaussianNoise(0.5)(x, Context(torch.Generator().manual_seed(1)), mask=None, event=Event((6,)))
    torch.testing.assert_close(found, x + 0.5 * noise)


def test_noise_passes_gradients_and_spares_unknown_entries():
    x = rows(5).requires_grad_()
    mask = torch.arange(30).reshape(5, 6) % 2 == 0
    found = GaussianNoise(0.5)(x, Context(torch.Generator().manual_seed(1)), mask=mask, event=Event((6,)))
    assert torch.equal(found[~mask], x[~mask])
    assert (found[mask] != x[mask]).all()
    (gradient,) = torch.autograd.grad(found.sum(), x)
    assert (gradient == 1).all()


@pytest.mark.parametrize("std", [-0.1, "much", float("nan")])
def test_noise_refuses(std):
    with pytest.raises(ParameterError, match=r"std of GaussianNoise must be a number in \[0, inf\)"):
        GaussianNoise(std)


def test_evaluation_sees_clean_data():
    net = network(corruption=GaussianNoise(5.0))
    batch = Batch(rows(4))
    assert torch.equal(net(batch, Context()).x_corrupt, batch.x)
    assert not torch.equal(net(batch, Context(torch.Generator())).x_corrupt, batch.x)


def test_l1_is_the_weighted_sum_of_absolute_values():
    net = network(Dense((8, 5)), penalties=(L1(0.5), L1(0.25, on="hidden")))
    x = rows(4)
    terms = Objective(net)(Batch(x), Context())
    assert list(terms) == ["reconstruction", "l1", "l1_2"]
    torch.testing.assert_close(terms["l1"], 0.5 * net.encode(x).z.abs().sum(1))
    first = net.encoder.blocks[1](net.encoder.blocks[0](x))
    second = net.encoder.blocks[3](net.encoder.blocks[2](first))
    torch.testing.assert_close(terms["l1_2"], 0.25 * (first.sum(1) + second.sum(1)))


def test_l1_on_hidden_layers_needs_some():
    with pytest.raises(ParameterError, match="needs an encoder with hidden layers"):
        Objective(network(Dense(()), penalties=(L1(on="hidden"),)))(Batch(rows(4)), Context())
