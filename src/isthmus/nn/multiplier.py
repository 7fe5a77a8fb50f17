"""Quantities measured while a training goes on, and multipliers that bring them to a target."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class RunningMean(nn.Module):
    """A mean over the last passes, older ones fading; every row counts alike, also in a smaller last batch.

    Parameters
    ----------
    shape : of what is averaged. memory : in [0, 1), what is left of a pass after the next one; 0 keeps only the last.

    Called without arguments it gives the mean, 0 before the first pass. It is all buffers, so it is saved with the
    model and a resumed training goes on with it. Of several processes the first one's rows are counted, because
    buffers are sent from there before every pass.
    """

    sums: Tensor
    rows: Tensor

    def __init__(self, shape: tuple[int, ...], memory: float) -> None:
        super().__init__()
        self.memory = memory
        self.register_buffer("sums", torch.zeros(shape))
        self.register_buffer("rows", torch.zeros(()))

    @torch.no_grad()
    def update(self, mean: Tensor, rows: int) -> None:
        """Take in the mean over ``rows`` new rows; no row changes nothing."""
        if rows:
            self.sums.mul_(self.memory).add_(mean, alpha=rows)
            self.rows.mul_(self.memory).add_(rows)

    def forward(self) -> Tensor:
        return self.sums / self.rows.clamp_min(1e-12)


#: What the logarithm of a multiplier can move over a whole training, and by how much at least and at most per pass.
WAY, SLOWEST, FASTEST = 40.0, 0.002, 0.05


class Multiplier(nn.Module):
    """A positive factor that rises while something is above its target and falls while it is below.

    What is asked ("so many active units") is a constraint, and the factor its Lagrange multiplier: it settles where
    the constraint holds (Platt and Barr 1988, NIPS, "Constrained differential optimization", equation 5). With the
    violation e_t of pass t, e its mean over the last few passes and e' over some more, the logarithm of the factor is
    sum_t g [[e_t] + 1.5 (e - e')] + [e], where [a] is a cut at -1 and 1. A network answers a weight late, which alone
    would make the sum swing: the last summand acts at once, and the difference, which is the trend, ends the rise
    when the violation already falls. The gain g goes with 1 over the length of the training, so that a short one
    finds its weight too.

    Parameters
    ----------
    bound : largest absolute value of the sum, so that a target out of reach ends in a large number, not in infinity.
    """

    level: Tensor
    recent: Tensor
    earlier: Tensor
    progress: Tensor

    def __init__(self, *, bound: float = math.log(1e8)) -> None:
        super().__init__()
        self.bound = bound
        for name in ("level", "recent", "earlier", "progress"):
            self.register_buffer(name, torch.zeros(()))

    @torch.no_grad()
    def update(self, violation: Tensor, progress: float) -> None:
        """violation : a number, positive where more weight is needed. progress : in [0, 1], of the training."""
        violation = violation.clamp(-3.0, 3.0)
        self.recent.lerp_(violation, 0.2)
        self.earlier.lerp_(violation, 0.04)
        gain = (progress - self.progress).mul_(WAY).clamp_(SLOWEST, FASTEST)
        self.progress.fill_(progress)
        ahead = torch.add(violation.clamp_(-1.0, 1.0), self.recent - self.earlier, alpha=1.5)
        self.level.addcmul_(gain, ahead.clamp_(-1.0, 1.0)).clamp_(-self.bound, self.bound)

    def forward(self) -> Tensor:
        return (self.level + self.recent.clamp(-1.0, 1.0)).exp()


def excess(measured: Tensor, target: float) -> Tensor:
    """The violation of "measured is at most target": the logarithm of their ratio, finite at 0."""
    return (measured.float() / target).clamp_min(1e-6).log()
