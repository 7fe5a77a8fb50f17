"""Losses on a two-row batch worked by hand, and the table loss against PyTorch's cross-entropy."""

import math

import pytest
import torch
from torch.nn import functional as F

from isthmus.losses.binary_cross_entropy import BinaryCrossEntropy
from isthmus.losses.huber import Huber
from isthmus.losses.squared_error import SquaredError
from isthmus.losses.table import Table
from isthmus.types import Column, Event

PAIR = Event((2,))
KNOWN = torch.tensor([[True, False], [True, True]])
LOG2, SOFTPLUS1 = math.log(2), math.log1p(math.e)


def nats(loss, output, x, mask=None, event=PAIR):
    return loss(
        torch.tensor(output), torch.tensor(x), mask=mask, event=event, state=loss.state(event)
    ).tolist()


@pytest.mark.parametrize(
    ("loss", "output", "x", "whole", "known"),
    [
        # half of 1 + 4; half of 0 + 9
        (SquaredError(), [[1.0, 2.0], [0.0, 3.0]], [[0.0, 0.0], [0.0, 0.0]], [2.5, 4.5], [0.5, 4.5]),
        # quadratic below 1: 1/2; linear above: 2 - 1/2
        (Huber(), [[1.0, 2.0], [0.0, 3.0]], [[0.0, 0.0], [0.0, 0.0]], [2.0, 2.5], [0.5, 2.5]),
        (Huber(2.0), [[1.0, 3.0], [0.0, -3.0]], [[0.0, 0.0], [0.0, 0.0]], [4.5, 4.0], [0.5, 4.0]),
        # -log sigmoid(0); softplus(1) for a logit of 1 and a target of 0
        (
            BinaryCrossEntropy(),
            [[0.0, 1.0], [1.0, 0.0]],
            [[1.0, 0.0], [1.0, 0.25]],
            [LOG2 + SOFTPLUS1, SOFTPLUS1 - 1 + LOG2],
            [LOG2, SOFTPLUS1 - 1 + LOG2],
        ),
        (Table(), [[1.0, 2.0], [0.0, 3.0]], [[0.0, 0.0], [0.0, 0.0]], [2.5, 4.5], [0.5, 4.5]),
        (Table("huber"), [[1.0, 2.0], [0.0, 3.0]], [[0.0, 0.0], [0.0, 0.0]], [2.0, 2.5], [0.5, 2.5]),
    ],
    ids=repr,
)
def test_two_rows_by_hand(loss, output, x, whole, known):
    assert nats(loss, output, x) == pytest.approx(whole)
    assert nats(loss, output, x, KNOWN) == pytest.approx(known)


def test_a_table_row_by_hand():
    event = Event((4,), (Column("n", "numeric", 0, 1), Column("c", "categorical", 1, 3)))
    output, x = (
        [[2.0, 0.0, 0.0, 0.0], [0.0, math.log(2), 0.0, 0.0]],
        [[0.0, 1.0, 0.0, 0.0], [1.0, 0.0, 1.0, 0.0]],
    )
    assert nats(Table(), output, x, event=event) == pytest.approx([2 + math.log(3), 0.5 + math.log(4)])
    mean = Table().mean(torch.tensor(output), event=event)
    assert mean[1].tolist() == pytest.approx([0.0, 0.5, 0.25, 0.25])


@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_table_is_cross_entropy_a_column(scale):
    columns = (
        Column("a", "categorical", 0, 4),
        Column("b", "numeric", 4, 1),
        Column("c", "categorical", 5, 1),
        Column("d", "categorical", 6, 3),
        Column("e", "numeric", 9, 1),
    )
    event = Event((10,), columns)
    generator = torch.Generator().manual_seed(0)
    n = 12
    output = scale * torch.randn(n, 10, generator=generator)
    x = torch.randn(n, 10, generator=generator)
    mask = torch.ones(n, 10, dtype=torch.bool)
    expected = torch.zeros(n)
    for column in columns:
        known = torch.rand(n, generator=generator) < 0.7
        mask[:, column.entries] = known[:, None]
        if column.kind == "categorical":
            level = torch.randint(column.width, (n,), generator=generator)
            x[:, column.entries] = F.one_hot(level, column.width).float()
            expected += F.cross_entropy(output[:, column.entries], level, reduction="none") * known
        else:
            expected += 0.5 * (output[:, column.start] - x[:, column.start]).square() * known
    x = x * mask
    loss = Table()
    leaf = output.clone().requires_grad_()
    found = loss(leaf, x, mask=mask, event=event, state=loss.state(event))
    torch.testing.assert_close(found.detach(), expected, rtol=1e-5, atol=1e-5)
    (gradient,) = torch.autograd.grad(found.sum(), leaf)
    softmax = torch.softmax(output[:, :4], 1) - x[:, :4]
    torch.testing.assert_close(gradient[:, :4], softmax * mask[:, :4], rtol=1e-4, atol=1e-5)


def test_bce_refuses_what_is_no_probability():
    assert list(BinaryCrossEntropy().refusals(0.0, 1.0)) == []
    for low, high in ((-0.1, 1.0), (0.0, 1.1)):
        (sentence,) = BinaryCrossEntropy().refusals(low, high)
        assert "in [0, 1]" in sentence and "minmax" in sentence
