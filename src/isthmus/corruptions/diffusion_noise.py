"""The damage of diffusion models: every row at a level of its own, from clean to almost pure noise."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import torch

from isthmus.corruptions.levelled import LevelledCorruption
from isthmus.spec import In

if TYPE_CHECKING:
    from torch import Tensor

    from isthmus.types import Context, Event

#: Noise below this level is none.
SMALLEST = 1e-6


@dataclass
class DiffusionNoise(LevelledCorruption):
    """Shrink the sample and add normal noise so that the variance stays: x' = sqrt(1 - s^2) x + s e, e ~ N(0, I).

    Parameters
    ----------
    noise : in [0, 1), the largest noise level s; 0 is the identity. At s the noise has s^2 of the variance of
        standardised data.
    schedule : how levels are spread where they are ``sampled``: ``cosine`` (s = sin of a uniform angle), or ``linear``
        (variances added in steps that grow linearly, as in the first diffusion models: more rows at high levels).
    level, floor : see :class:`isthmus.corruptions.levelled.LevelledCorruption`; ``sampled`` by default.

    The network is not told the level: it is an autoencoder still, and finds out from the row.
    ``ae.reconstruct(X, steps=n)`` walks down the schedule: each step keeps as much of the estimated noise as the next
    lower level has, until nothing is left. Where a row is on its way is estimated from the row.

    Call: x (batch, *event) -> (batch, *event). Unknown entries stay 0.
    Random: one normal number an entry and one uniform number a row, from ``context``. Gradient: sqrt(1 - s^2).
    Raises: ParameterError when noise is out of range.
    References: Ho et al. (2020), arXiv:2006.11239, equation 4 and section 4 (``linear``); Nichol and Dhariwal (2021),
    arXiv:2102.09672, equation 17 (``cosine``); Song et al. (2021), DDIM, arXiv:2010.02502, equation 12 with sigma = 0
    (steps); Sattarov et al. (2025), arXiv:2508.00758, for the autoencoder trained so; Kadkhodaie and Simoncelli (2021),
    arXiv:2007.13640, section 3, for levels estimated from what a blind denoiser removes.
    Deviations: continuous time in place of 1000 levels; cosine without the offset; the network sees no level.
    """

    strength: ClassVar[str] = "noise"

    noise: Annotated[float, In("[0, 1)")] = 0.7
    schedule: Literal["cosine", "linear"] = "cosine"
    level: Literal["fixed", "sampled", "falling", "rising"] = field(default="sampled", kw_only=True)

    def damaged(
        self, x: Tensor, strength: Tensor | float, context: Context, *, mask: Tensor | None, event: Event
    ) -> Tensor:
        noise = context.normal(x).mul_(strength)
        if mask is not None:
            noise = noise.mul_(mask)
        return noise.add_(x * _kept(strength))

    def spread(self, share: Tensor) -> Tensor:
        first, last = self._time(self.floor), self._time(self.noise)
        time = first + (last - first) * share
        # Rates of noise that grow linearly add up to a square: 1 - s^2 = exp(-time^2).
        return torch.sin(time) if self.schedule == "cosine" else (-torch.expm1(-time.square())).sqrt()

    def _time(self, level: float) -> float:
        """When a schedule without end has this noise level."""
        return math.asin(level) if self.schedule == "cosine" else math.sqrt(-math.log1p(-(level**2)))

    def denoised(self, x: Tensor, reconstruct: Callable[[Tensor], Tensor], *, steps: int) -> Tensor:
        """x (batch, *event), damaged at any level -> what is left after ``steps`` steps down the schedule."""
        clean = reconstruct(x)
        level = _estimated(x, clean)
        for left in range(steps - 1, 0, -1):
            lower = self.spread(x.new_tensor(left / steps)).minimum(level)
            noise = x - _kept(level) * clean
            x = _kept(lower) * clean + lower / level.clamp(min=SMALLEST) * noise
            clean, level = reconstruct(x), lower
        return clean


def _kept(level: Tensor | float) -> Any:
    """What is left of the sample at a noise level: sqrt(1 - s^2)."""
    return (1.0 - level**2) ** 0.5


def _estimated(x: Tensor, clean: Tensor) -> Tensor:
    """(batch, 1, ...) the noise level at which x differs from its shrunk reconstruction by noise of that level.

    With a = sqrt(1 - s^2) the mean square of x - a clean is s^2 = 1 - a^2 where a solves a quadratic equation.
    """
    shape = (-1, *[1] * (x.ndim - 1))
    x, clean = x.flatten(1), clean.flatten(1)
    squared = clean.square().mean(1) + 1.0
    crossed = (x * clean).mean(1)
    root = (crossed.square() - squared * (x.square().mean(1) - 1.0)).clamp(min=0.0).sqrt()
    kept = ((crossed + root) / squared).clamp(0.0, 1.0)
    return (1.0 - kept.square()).sqrt().view(shape)
