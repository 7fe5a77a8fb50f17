"""Which units are active, and how strongly, decided apart."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, cast

import torch
from torch import Tensor, nn

from isthmus.codes.code import Code
from isthmus.spec import In
from isthmus.types import Encoded

if TYPE_CHECKING:
    from isthmus.types import Context


@dataclass
class Gated(Code):
    """A gate says whether a unit is active, a rescaled copy of the same number how strongly.

    With h = W x + b the encoder's output, z = H(h) relu(exp(r) h + c), H the unit step, r and c a number each per
    unit. A sparsity penalty on the gate alone does not shrink what is active. The step has no slope, so the gate
    learns from :class:`isthmus.penalties.gated_auxiliary.GatedAuxiliary`, which belongs to this code.

    Parameters
    ----------
    size : numbers per code.

    Call: h (batch, size) -> z (batch, size), never negative. Random: nothing. Gradient: through the magnitude.
    State: r and c (learned), 0 at the start, where the code is the rectified h.
    References: Rajamanoharan et al. (2024), arXiv:2404.16014, equations 4 to 7. Deviation: c stands for the paper's
    b_mag - exp(r) b_gate, the same family of functions.
    """

    elementwise = True

    size: Annotated[int, In("[1, inf)")]

    def state(self) -> nn.Module:
        return Magnitude(self.size)

    def encoder_parameters(self, state: nn.Module | None) -> Iterable[nn.Parameter]:
        return () if state is None else state.parameters()

    def __call__(self, h: Tensor, context: Context, state: nn.Module | None) -> Encoded:
        magnitude = cast(Magnitude, state)(h)
        return Encoded(torch.where(h > 0, magnitude, torch.zeros_like(magnitude)))


class Magnitude(nn.Module):
    """h (batch, size) -> relu(exp(log_scale) h + offset)."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(size))
        self.offset = nn.Parameter(torch.zeros(size))

    def forward(self, h: Tensor) -> Tensor:
        return torch.relu(self.log_scale.exp() * h + self.offset)
