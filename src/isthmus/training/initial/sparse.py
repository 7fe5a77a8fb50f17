"""Few connections a unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, cast

import torch
from torch import Tensor, nn

from isthmus.spec import In
from isthmus.training.initial.initial import Initial, matrix_of, weighted_layers

if TYPE_CHECKING:
    from isthmus.composition import Composition
    from isthmus.types import Batch


@dataclass
class Sparse(Initial):
    """Every unit gets a fixed number of incoming normal weights, the others are 0; units neither saturate nor agree.

    Parameters
    ----------
    connections : incoming weights of a unit that are not 0; all of them where it has fewer inputs.
    std : in (0, inf), of those weights.
    tanh_bias : biases before tanh; others are 0.

    References: Martens (2010), ICML, section 5: 15 connections from a unit Gaussian, biases 0, or 0.5 for tanh.
    Deviation: none for dense layers; convolutions connect a unit to entries of its kernel's window.
    """

    alias = "sparse"

    connections: Annotated[int, In("[1, inf)")] = 15
    std: Annotated[float, In("(0, inf)")] = 1.0
    tanh_bias: float = 0.5

    def __call__(self, network: Composition, *, batch: Batch | None, generator: torch.Generator) -> None:
        for layer, activation in weighted_layers(network):
            matrix = matrix_of(layer)
            rows, columns = matrix.shape[0], matrix[0].numel()
            kept = min(self.connections, columns)
            # The places of the largest of uniform numbers are a sample without replacement.
            chosen = torch.rand(rows, columns, generator=generator).topk(kept, dim=1).indices
            drawn = torch.empty(rows, kept).normal_(std=self.std, generator=generator)
            matrix.copy_(torch.zeros(rows, columns).scatter_(1, chosen, drawn).view(matrix.shape))
            if layer.bias is not None:
                nn.init.constant_(cast(Tensor, layer.bias), self.tanh_bias if activation == "tanh" else 0.0)
