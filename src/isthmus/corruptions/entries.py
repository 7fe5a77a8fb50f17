"""Which entries of a batch are damaged, and which are spared."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from isthmus.types import Column, Context, Event

#: Values of sixteen bits: probabilities are rounded to one part in so many.
VALUES = 2**16


def spared(
    x: Tensor, share: Tensor | float, context: Context, *, mask: Tensor | None, event: Event
) -> Tensor:
    """1 where an entry of x (batch, *event) is spared and 0 where it is to be damaged, same shape and type.

    Each entry is to be damaged with probability ``share``, a number or (batch, 1, ...), rounded to 1/65536; the
    entries of a categorical column together. Unknown entries are spared.
    Random: sixteen bits an entry, or a column where some are categorical, from ``context``.
    """
    places = layout(event.columns, x.device)
    if places is None:
        chosen = at_least(context.bits(x), share, like=x)
    else:
        by_column = at_least(context.bits(x[:, : len(event.columns)]), share, like=x)
        chosen = by_column.index_select(1, places[0])
    return chosen if mask is None else chosen.masked_fill_(~mask, 1.0)


def at_least(bits: Tensor, share: Tensor | float, *, like: Tensor) -> Tensor:
    """0 where random ``bits`` are in the lower ``share`` of their values, else 1; in the type of ``like``."""
    limit: Tensor | int
    if isinstance(share, Tensor):
        limit = (share * VALUES).round().sub(VALUES // 2).clamp(max=VALUES // 2 - 1).to(bits.dtype)
    else:
        limit = min(round(share * VALUES), VALUES - 1) - VALUES // 2
    # Written into numbers at once: a tensor of truth values is many times slower to multiply by.
    return torch.ge(bits, limit, out=like.new_empty(bits.shape))


@lru_cache(maxsize=64)
def layout(columns: tuple[Column, ...], device: torch.device) -> tuple[Tensor, Tensor] | None:
    """The column of every entry and whether that is numeric, both (entries,); None where all columns are numeric."""
    if all(column.kind == "numeric" for column in columns):
        return None
    owners = [number for number, column in enumerate(columns) for _ in range(column.width)]
    numeric = [columns[owner].kind == "numeric" for owner in owners]
    return torch.tensor(owners, device=device), torch.tensor(numeric, device=device)
