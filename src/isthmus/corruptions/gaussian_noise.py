"""Additive noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from isthmus.corruptions.levelled import LevelledCorruption
from isthmus.spec import In

if TYPE_CHECKING:
    from torch import Tensor

    from isthmus.types import Context, Event


@dataclass
class GaussianNoise(LevelledCorruption):
    """Add independent normal noise to every known entry.

    Parameters
    ----------
    std : in [0, inf), standard deviation in model units (images in [0, 1], table columns standardised).
        0 is the identity.
    level, floor : see :class:`isthmus.corruptions.levelled.LevelledCorruption`.

    Call: x (batch, *event) -> (batch, *event). Unknown entries stay 0.
    Random: one normal number an entry, from ``context``. Gradient: the identity.
    Raises: ParameterError when std is out of range.
    References: Vincent et al. (2010), JMLR 11, section 3.3 ("additive isotropic Gaussian noise").
    """

    strength: ClassVar[str] = "std"

    std: Annotated[float, In("[0, inf)")] = 0.1

    def damaged(
        self, x: Tensor, strength: Tensor | float, context: Context, *, mask: Tensor | None, event: Event
    ) -> Tensor:
        noise = context.normal(x).mul_(strength)
        if mask is not None:
            noise = noise.mul_(mask)
        return noise.add_(x)
