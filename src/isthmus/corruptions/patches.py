"""Images with a part covered."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import torch

from isthmus.corruptions.levelled import LevelledCorruption
from isthmus.spec import In

if TYPE_CHECKING:
    from torch import Tensor

    from isthmus.types import Context, Event

#: Height over width of a patch, and the inverse: between 1 to 2 and 2 to 1 (section 3.2 of the reference: 0.3 to 3.3).
LARGEST_ASPECT = 2.0


@dataclass
class Patches(LevelledCorruption):
    """Cover rectangles of every image, of random place and shape, in all channels.

    Parameters
    ----------
    area : in [0, 1), the share of an image that its patches have together; 0 is the identity. Overlaps make the
        covered share smaller, rounding to whole pixels changes it but not on average; a patch has one pixel at least.
    count : patches an image, each of an equal part of ``area``.
    fill : what is written: ``zero``, or ``noise``, uniform numbers in [0, 1), the range of images.
    level, floor : see :class:`isthmus.corruptions.levelled.LevelledCorruption`.

    Call: x (batch, channels, height, width) -> the same shape. Unknown entries stay 0.
    Random: four uniform numbers a patch, and with ``noise`` one an entry, from ``context``. Gradient: through the
    entries that were kept.
    Raises: ParameterError when data are not images: in a table or a flattened image no entries are neighbors.
    References: Pathak et al. (2016), Context encoders, CVPR, section 3.3 ("random block"); Zhong et al. (2020), Random
    erasing, AAAI, algorithm 1. Deviations: every image is covered, and aspect ratios lie between 1:2 and 2:1.
    """

    strength: ClassVar[str] = "area"

    area: Annotated[float, In("[0, 1)")] = 0.25
    count: Annotated[int, In("[1, inf)")] = 1
    fill: Literal["zero", "noise"] = "zero"

    def refusals(self, event: Event) -> Iterator[str]:
        if len(event.shape) != 3:
            yield (
                f"Patches covers parts of images, but a sample here has shape {event.shape}: reshape the data to "
                f"images (n, h, w) or (n, h, w, c), or use Masking."
            )

    def damaged(
        self, x: Tensor, strength: Tensor | float, context: Context, *, mask: Tensor | None, event: Event
    ) -> Tensor:
        drawn = context.uniform(x.new_empty(len(x), self.count, 4))
        share = strength.view(-1, 1) if isinstance(strength, torch.Tensor) else strength
        covered = self._covered(drawn, share, *x.shape[2:])[:, None]
        if self.fill == "zero":
            return x.masked_fill(covered, 0.0)
        noise = context.uniform(x)
        return torch.where(covered if mask is None else covered & mask, noise, x)

    def _covered(self, drawn: Tensor, share: Tensor | float, height: int, width: int) -> Tensor:
        """(batch, height, width) True under a patch; drawn (batch, count, 4) says shape and place of each."""
        shape = ((2.0 * drawn[..., 0] - 1.0) * math.log(LARGEST_ASPECT)).exp().sqrt()
        side = (drawn.new_ones(()) * share / self.count).sqrt()
        # A side that is longer than the image is cut, and the other one made longer to keep the area.
        tall = (side * shape).clamp(max=1.0).maximum(side.square())
        high = (tall * height).round().clamp(1, height)
        # Rounded up as often as makes the area right on average.
        wide = (side.square() * height * width / high + drawn[..., 3]).floor().clamp(1, width)
        top = (drawn[..., 1] * (height - high + 1)).floor()
        left = (drawn[..., 2] * (width - wide + 1)).floor()
        rows = torch.arange(height, device=drawn.device)
        columns = torch.arange(width, device=drawn.device)
        down = (rows >= top[..., None]) & (rows < (top + high)[..., None])
        across = (columns >= left[..., None]) & (columns < (left + wide)[..., None])
        return (down[..., :, None] & across[..., None, :]).any(1)
