"""Every direction kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, cast

import torch
from torch import Tensor

from isthmus.nn.activations import gain
from isthmus.spec import In
from isthmus.training.initial.initial import Initial, matrix_of, weighted_layers, zero_bias

if TYPE_CHECKING:
    from isthmus.composition import Composition
    from isthmus.types import Batch


@dataclass
class Orthogonal(Initial):
    """Random matrices with orthonormal rows (or columns, whichever are fewer) times a gain; biases 0.

    Parameters
    ----------
    gain : in (0, inf), or None for that of the activation which follows: sqrt(2) for rectifiers, 1 for a linear
        layer. All singular values of every matrix are the gain.

    A convolution counts as the matrix (out, in x kernel).
    References: Saxe et al. (2014), arXiv:1312.6120, section 3 and appendix; drawn uniformly by the QR
    decomposition of a normal matrix with the signs of R's diagonal (Mezzadri 2007, arXiv:math-ph/0609050).
    """

    alias = "orthogonal"

    gain: Annotated[float, In("(0, inf)")] | None = None

    def __call__(self, network: Composition, *, batch: Batch | None, generator: torch.Generator) -> None:
        for layer, activation in weighted_layers(network):
            matrix = matrix_of(layer)
            rows, columns = matrix.shape[0], matrix[0].numel()
            drawn = orthonormal(rows, columns, generator).to(matrix)
            matrix.copy_(drawn.mul_(self.gain or gain(activation)).view(matrix.shape))
            zero_bias(layer)


def orthonormal(rows: int, columns: int, generator: torch.Generator) -> Tensor:
    """(rows, columns) float64 with orthonormal rows, or columns where those are fewer, uniformly at random."""
    normal = torch.empty(max(rows, columns), min(rows, columns), dtype=torch.float64).normal_(
        generator=generator
    )
    q, r = (cast(Tensor, factor) for factor in torch.linalg.qr(normal))
    q = q * torch.sign(torch.diagonal(r))
    return q if rows >= columns else q.t().contiguous()
