"""Outputs between two codes."""

from __future__ import annotations

import torch

from isthmus.architectures.dense import Dense
from isthmus.objective import Objective
from isthmus.penalties.interpolation import Interpolation
from isthmus.types import Batch, Context
from training.networks import network, rows


def penalty_of(net, x):
    return Objective(net)(Batch(x), Context())["interpolation"]


def test_a_linear_decoder_goes_straight_from_code_to_code():
    net = network(architecture=Dense(hidden=()), penalties=(Interpolation(),))
    assert penalty_of(net, rows(6)).abs().max() < 1e-10


def test_the_penalty_is_its_formula():
    net = network(penalties=(Interpolation(0.5),))
    z = net.encode(rows(4)).z
    expected = []
    for row in range(4):
        other = (row - 1) % 4
        between = net.decode((z[row] + z[other])[None] / 2)
        mean = (net.decode(z[row][None]) + net.decode(z[other][None])) / 2
        expected.append(0.5 * 0.5 * (between - mean).square().sum())
    found = penalty_of(net, rows(4))
    assert found.min() > 0
    torch.testing.assert_close(found, torch.stack(expected))


def test_a_row_alone_has_no_pair():
    assert penalty_of(network(penalties=(Interpolation(),)), rows(1)).tolist() == [0.0]


def test_the_mean_of_two_edges_in_logits_is_the_edge_between():
    place, steepness = torch.arange(31.0), 4.0
    logits = [steepness * (radius - place) for radius in (11.0, 18.0)]
    between = torch.sigmoid((logits[0] + logits[1]) / 2)
    torch.testing.assert_close(between, torch.sigmoid(steepness * (14.5 - place)))
    blend = (torch.sigmoid(logits[0]) + torch.sigmoid(logits[1])) / 2
    assert (blend - between).abs().max() > 0.49
