"""Entries that are missing on the way in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from isthmus.corruptions.entries import layout, spared
from isthmus.corruptions.levelled import LevelledCorruption
from isthmus.spec import In

if TYPE_CHECKING:
    from torch import Tensor

    from isthmus.types import Context, Event


@dataclass
class Masking(LevelledCorruption):
    """Replace a random share of the entries by a constant, each entry independently.

    Parameters
    ----------
    rate : in [0, 1), expected share replaced, rounded to 1/65536; 0 is the identity.
    fill : in model units, the value written: 0 is black in images and the mean of a standardised column.
    level, floor : see :class:`isthmus.corruptions.levelled.LevelledCorruption`.

    A categorical column of a table is masked as a whole: none of its levels is indicated then, whatever ``fill`` is.
    Call: x (batch, *event) -> (batch, *event), same dtype and device. Unknown entries stay 0.
    Random: sixteen bits an entry or categorical column, from ``context``. Gradient: through the entries that were kept.
    Raises: ParameterError when rate is out of range.
    References: Vincent et al. (2010), JMLR 11, section 3.3 ("masking noise").
    Deviation: every entry by itself, so that the number of masked entries varies, in place of a fixed number a row.
    """

    rate: Annotated[float, In("[0, 1)")] = 0.3
    fill: float = 0.0

    def damaged(
        self, x: Tensor, strength: Tensor | float, context: Context, *, mask: Tensor | None, event: Event
    ) -> Tensor:
        kept = spared(x, strength, context, mask=mask, event=event)
        if not self.fill:
            return kept.mul_(x)
        filled = (1.0 - kept) * self.fill
        places = layout(event.columns, x.device)
        return kept.mul_(x).add_(filled if places is None else filled * places[1])
