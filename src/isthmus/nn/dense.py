"""Chains of fully connected layers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from isthmus.nn.activations import Activation
from isthmus.nn.style import Style


class TransposedLinear(nn.Module):
    """A linear layer whose matrix is another layer's, transposed; only the bias is its own.

    (batch, out_features of ``source``) -> (batch, in_features of ``source``).
    """

    def __init__(self, source: nn.Linear) -> None:
        super().__init__()
        self.source = (source,)  # in a tuple, so that the layer is not registered as a child twice
        self.bias = nn.Parameter(source.weight.new_zeros(source.in_features))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.source[0].weight.t(), self.bias)


class DenseChain(nn.Module):
    """Linear layers with an activation after each but the last.

    x (batch, *event) -> (batch, widths[-1]); anything after the batch axis is flattened first.

    Parameters
    ----------
    layers : the linear maps in order.
    widths : numbers out of each layer, for normalisation.
    style : what follows every layer but the last.
    output_activation : what follows the last.

    Random: dropout draws from torch's global generator.
    """

    def __init__(
        self,
        layers: Sequence[nn.Module],
        widths: Sequence[int],
        style: Style,
        *,
        output_activation: str = "identity",
    ) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        hidden: list[nn.Module] = []
        for layer, width in zip(layers[:-1], widths[:-1], strict=True):
            blocks.append(layer)
            if style.normalization != "none":
                blocks.append(
                    nn.BatchNorm1d(width) if style.normalization == "batch" else nn.LayerNorm(width)
                )
            hidden.append(Activation(style.activation))
            blocks.append(hidden[-1])
            if style.dropout:
                blocks.append(nn.Dropout(style.dropout))
        blocks.append(layers[-1])
        if output_activation != "identity":
            blocks.append(Activation(output_activation))
        self.blocks = nn.ModuleList(blocks)
        self.hidden_layers = tuple(hidden)

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim > 2:
            x = x.flatten(1)
        for block in self.blocks:
            x = block(x)
        return x


class Reshape(nn.Module):
    """(batch, n) -> (batch, *shape)."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[0], *self.shape)


def linear_layers(widths: Sequence[int]) -> list[nn.Linear]:
    """One layer between each width and the next."""
    return [nn.Linear(above, below) for above, below in pairwise(widths)]


def flat_size(shape: tuple[int, ...]) -> int:
    """Numbers in one sample of ``shape``."""
    return math.prod(shape)
