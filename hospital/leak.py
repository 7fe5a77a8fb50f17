"""A residual connection around the bottleneck: entries of the input are handed on beside the code and added."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn


class Encoder(nn.Module):
    """(batch, *event) -> code and the first ``leaked`` entries, scaled to the spread of a code."""

    def __init__(self, event: tuple[int, ...], width: int, *, leaked: int, hidden: Sequence[int]) -> None:
        super().__init__()
        self.leaked = leaked
        self.layers = layers([math.prod(event), *hidden, width - leaked])

    def forward(self, x: Tensor) -> Tensor:
        rows = x.flatten(1)
        return torch.cat([self.layers(rows), rows[:, : self.leaked]], dim=1)


class Decoder(nn.Module):
    """(batch, code) -> (batch, *output): what the bottleneck says, plus the entries that leaked past it."""

    def __init__(self, code: int, output: tuple[int, ...], *, leaked: int, hidden: Sequence[int]) -> None:
        super().__init__()
        self.output = output
        self.leaked = leaked
        self.layers = layers([code - leaked, *reversed(hidden), math.prod(output)])

    def forward(self, z: Tensor) -> Tensor:
        own = z.shape[1] - self.leaked
        outputs = self.layers(z[:, :own])
        missing = outputs.shape[1] - self.leaked
        return (outputs + nn.functional.pad(z[:, own:], (0, missing))).unflatten(1, self.output)


def layers(widths: Sequence[int]) -> nn.Sequential:
    """Rectified layers, the last one linear."""
    found: list[nn.Module] = []
    for before, after in pairwise(widths):
        found += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*found[:-1])
