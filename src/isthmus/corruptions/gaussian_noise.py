"""Additive noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from isthmus.corruptions.corruption import Corruption
from isthmus.spec import In

if TYPE_CHECKING:
    from torch import Tensor

    from isthmus.types import Context, Event


@dataclass
class GaussianNoise(Corruption):
    """Add independent normal noise to every known entry.

    Parameters
    ----------
    std : in [0, inf), standard deviation in model units (images in [0, 1], table columns standardised).
        0 is the identity.

    Call: x (batch, *event) -> (batch, *event). Unknown entries stay 0.
    Random: one normal number an entry, from ``context``. Gradient: the identity.
    Raises: ParameterError when std is out of range.
    References: Vincent et al. (2010), JMLR 11, section 3.3 ("additive isotropic Gaussian noise").
    """

    std: Annotated[float, In("[0, inf)")] = 0.1

    def __call__(self, x: Tensor, context: Context, *, mask: Tensor | None, event: Event) -> Tensor:
        if self.std == 0:
            return x
        noise = context.normal(x) * self.std
        return x + (noise if mask is None else noise * mask)
