"""Entries that come from other rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import torch

from isthmus.corruptions.entries import layout, spared
from isthmus.corruptions.levelled import LevelledCorruption
from isthmus.spec import In

if TYPE_CHECKING:
    from torch import Tensor

    from isthmus.types import Context, Event


@dataclass
class SwapNoise(LevelledCorruption):
    """Replace a random share of the entries by the value that another row of the batch has there.

    Parameters
    ----------
    rate : in [0, 1), expected share replaced, rounded to 1/65536; 0 is the identity.
    level, floor : see :class:`isthmus.corruptions.levelled.LevelledCorruption`.

    Made for tables: every value that comes in is one that its column takes, whatever its distribution. A categorical
    column is replaced as a whole. The other row is any of the batch but the row itself, drawn anew for every column;
    where its value is unknown the entry stays as it is, and a batch of one row stays whole. With several processes the
    other row is one of the same process.

    Call: x (batch, *event) -> (batch, *event). Unknown entries stay 0.
    Random: sixteen bits and a uniform number an entry or column, from ``context``. Gradient: to the entries that the
    values came from.
    Raises: ParameterError when rate is out of range.
    References: Jahrer (2017), first place in the Porto Seguro competition ("inputSwapNoise", rate 0.15); Bahri et al.
    (2022), SCARF, arXiv:2106.15147, section 3, draws from the columns' marginals in the same way.
    Deviation: partners are rows of the batch, not of the whole table.
    """

    couples_rows: ClassVar[bool] = True

    rate: Annotated[float, In("[0, 1)")] = 0.15

    def damaged(
        self, x: Tensor, strength: Tensor | float, context: Context, *, mask: Tensor | None, event: Event
    ) -> Tensor:
        kept = spared(x, strength, context, mask=mask, event=event)
        if len(x) < 2:
            return x
        partner = _other_rows(x, context, event)
        swapped = x.gather(0, partner)
        taken = kept == 0
        if mask is not None:
            taken &= mask.gather(0, partner)
        return torch.where(taken, swapped, x)


def _other_rows(x: Tensor, context: Context, event: Event) -> Tensor:
    """For every entry of x (batch, *event) the number of another row, the same for all entries of one column."""
    places = layout(event.columns, x.device)
    uniform = context.uniform(x if places is None else x[:, : len(event.columns)])
    ahead = 1 + (uniform * (len(x) - 1)).long().clamp(max=len(x) - 2)
    own = torch.arange(len(x), device=x.device).view(-1, *[1] * (x.ndim - 1))
    other = (own + ahead) % len(x)
    return other if places is None else other.index_select(1, places[0])
