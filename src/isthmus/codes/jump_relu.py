"""A learned threshold for each unit."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, cast

import torch
from torch import Tensor, nn

from isthmus.codes.code import Code
from isthmus.nn.multiplier import Multiplier, RunningMean, excess
from isthmus.spec import In
from isthmus.types import Encoded

if TYPE_CHECKING:
    from isthmus.types import Context

#: How far all thresholds move together (in logarithms) per pass while the number of active units is off by a factor e.
SHIFT = 0.05


@dataclass
class JumpReLU(Code):
    """A number of the encoder's output is kept where it exceeds its unit's threshold, which is learned; else it is 0.

    z = h H(h - theta) with H the unit step, and the term ``l0`` = weight sum_j H(h_j - theta_j), the number of active
    units. Steps have no slope, so thresholds get that of a smoothed step, a rectangle of width w around them:
    dz/dtheta = -(theta / w) [|h - theta| < w/2] and dH/dtheta = -(1 / w) [|h - theta| < w/2].

    Parameters
    ----------
    size : numbers per code.
    l0 : in (0, inf), active units per row to be reached; None leaves that to ``weight``. All thresholds then move
        together with the number measured, and the weight is multiplied by a factor that settles where the slopes do
        not pull them back.
    weight : in [0, inf), nats per active unit; with ``l0`` what it starts from.
    bandwidth : in (0, inf), the width w in units of the root mean square of h over recent batches.
    threshold : in (0, inf), of all units at the start, in the unit of h.

    Call: h (batch, size) -> z (batch, size), never negative, with the term ``l0`` (batch,) in nats. Random: nothing.
    Gradient: the encoder gets that of what is kept, thresholds the estimates above, in training passes only.
    State: logarithms of the thresholds (learned), their common shift, the weight's factor, the scale of h.
    References: Rajamanoharan et al. (2024), arXiv:2407.14435, equations 3, 9, 11 and 12.
    Deviations: the bandwidth follows the scale of h, where the paper scales the data; ``l0`` is reached by a shift and
    a multiplier instead of a squared distance (their appendix).
    """

    exact_gradient = False
    elementwise = True

    size: Annotated[int, In("[1, inf)")]
    l0: Annotated[float, In("(0, inf)")] | None = None
    weight: Annotated[float, In("[0, inf)")] = 1e-2
    bandwidth: Annotated[float, In("(0, inf)")] = 0.2
    threshold: Annotated[float, In("(0, inf)")] = 1e-3

    def state(self) -> nn.Module:
        return Thresholds(self.size, self.threshold)

    def encoder_parameters(self, state: nn.Module | None) -> Iterable[nn.Parameter]:
        return () if state is None else state.parameters()

    def __call__(self, h: Tensor, context: Context, state: nn.Module | None) -> Encoded:
        thresholds = cast(Thresholds, state)
        theta = thresholds().to(h.dtype)
        is_open = h > theta
        z = torch.where(is_open, h, torch.zeros_like(h))
        count = is_open.sum(1).to(h.dtype)
        weight = self.weight * (thresholds.factor() if self.l0 is not None else 1.0)
        if context.generator is None or not len(h):
            return Encoded(z, terms={"l0": weight * count})
        width = self.bandwidth * thresholds.rescaled(h)
        slope = ((h - theta).abs() < 0.5 * width).to(h.dtype) / width
        # Numbers that are 0 and have the slopes by theta that the steps lack.
        missing = slope * (theta.detach() - theta)
        z, smooth = z + missing * theta.detach(), count + missing.sum(1)
        if self.l0 is not None:
            thresholds.follow(excess(count.mean(), self.l0), context.progress)
        return Encoded(z, terms={"l0": weight * smooth})


class Thresholds(nn.Module):
    """What :class:`JumpReLU` learns and remembers. Called: (size,) the thresholds."""

    shift: Tensor

    def __init__(self, size: int, start: float) -> None:
        super().__init__()
        self.log_threshold = nn.Parameter(torch.full((size,), math.log(start)))
        self.register_buffer("shift", torch.zeros(()))
        self.factor = Multiplier()
        self.square = RunningMean((), memory=0.99)

    def forward(self) -> Tensor:
        return (self.log_threshold + self.shift).clamp(-30.0, 30.0).exp()

    @torch.no_grad()
    def rescaled(self, h: Tensor) -> Tensor:
        """The root mean square of recent encoder outputs, these included; never 0."""
        self.square.update(h.float().square().mean(), len(h))
        scale: Tensor = self.square().sqrt().clamp_min(1e-12).to(h.dtype)
        return scale

    @torch.no_grad()
    def follow(self, violation: Tensor, progress: float) -> None:
        """Raise thresholds and weight where too many units are active, lower them where too few are."""
        self.shift.add_(violation.clamp(-1.0, 1.0), alpha=SHIFT)
        self.factor.update(violation, progress)
