"""Entries that are thrown to either end of their range."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from isthmus.corruptions.entries import at_least, layout
from isthmus.corruptions.levelled import LevelledCorruption
from isthmus.spec import In

if TYPE_CHECKING:
    from torch import Tensor

    from isthmus.types import Context, Event


@dataclass
class SaltAndPepper(LevelledCorruption):
    """Replace a random share of the entries by the smallest or the largest value, each entry independently.

    Parameters
    ----------
    rate : in [0, 1), expected share replaced, rounded to 1/65536; half of it goes to either end. 0 is the identity.
    low, high : the two ends in model units: 0 and 1 for images, about -2 and 2 for standardised columns.
    level, floor : see :class:`isthmus.corruptions.levelled.LevelledCorruption`.

    Categorical columns have no ends and are left as they are; :class:`isthmus.corruptions.SwapNoise` damages those.
    Call: x (batch, *event) -> (batch, *event). Unknown entries stay 0.
    Random: sixteen bits an entry, from ``context``. Gradient: through the entries that were kept.
    Raises: ParameterError when rate is out of range or low is not below high.
    References: Vincent et al. (2010), JMLR 11, section 3.3 ("salt-and-pepper noise").
    Deviation: every entry by itself, so that the number of damaged entries varies, in place of a fixed number a row.
    """

    rate: Annotated[float, In("[0, 1)")] = 0.2
    low: float = 0.0
    high: float = 1.0

    def conflicts(self) -> Iterator[str]:
        yield from super().conflicts()
        if self.low >= self.high:
            yield f"low of SaltAndPepper must be below high={self.high}, got {self.low}."

    def damaged(
        self, x: Tensor, strength: Tensor | float, context: Context, *, mask: Tensor | None, event: Event
    ) -> Tensor:
        bits = context.bits(x)
        kept = at_least(bits, strength, like=x)
        # The lower half of the values that damage is pepper: the same draw says whether and which.
        salted = at_least(bits, strength / 2, like=x).sub_(kept)
        ends = salted.mul_(self.high - self.low)
        if self.low:
            ends = ends.add_(1.0 - kept, alpha=self.low)
        places = layout(event.columns, x.device)
        untouched = None if places is None else ~places[1]
        if mask is not None:
            untouched = ~mask if untouched is None else untouched | ~mask
        if untouched is not None:
            kept, ends = kept.masked_fill_(untouched, 1.0), ends.masked_fill_(untouched, 0.0)
        return kept.mul_(x).add_(ends)
