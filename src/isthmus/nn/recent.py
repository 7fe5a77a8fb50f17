"""Rows of a batch, and rows of the batches before it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Rows:
    """Rows with what is known of them.

    x : (n, features), unknown entries 0. known : same shape, True where an entry is known. labels : (n,) numbers, NaN
    where there is none. filled : (n,) False for places of a memory that hold no row yet. masked : whether some
    entry may be unknown.
    """

    x: Tensor
    known: Tensor
    labels: Tensor
    filled: Tensor
    masked: bool

    def followed_by(self, others: Rows) -> Rows:
        """These rows, then the others."""
        return Rows(
            torch.cat([self.x, others.x.to(self.x.dtype)]),
            torch.cat([self.known, others.known]),
            torch.cat([self.labels, others.labels.to(self.labels.dtype)]),
            torch.cat([self.filled, others.filled]),
            masked=self.masked,
        )

    def apart(self, others: Rows, start: int, count: int) -> Tensor:
        """(count, m) False where one of ``count`` rows from ``start`` on meets itself among others.

        The others begin with these rows.
        """
        here = torch.arange(start, min(start + count, len(self.x)), device=self.x.device)
        return here[:, None] != torch.arange(len(others.x), device=self.x.device)


class Recent(nn.Module):
    """The last ``size`` rows that were kept, newest first; saved with the model."""

    x: Tensor
    known: Tensor
    labels: Tensor
    filled: Tensor

    def __init__(self, size: int, features: int) -> None:
        super().__init__()
        self.register_buffer("x", torch.zeros(size, features))
        self.register_buffer("known", torch.zeros(size, features, dtype=torch.bool))
        self.register_buffer("labels", torch.full((size,), math.nan))
        self.register_buffer("filled", torch.zeros(size, dtype=torch.bool))

    def rows(self) -> Rows:
        """What is kept."""
        return Rows(self.x, self.known, self.labels, self.filled, masked=True)

    @torch.no_grad()
    def keep(self, rows: Rows) -> None:
        """Put rows before those that are kept, and forget the oldest."""
        joined = rows.followed_by(self.rows())
        for name in ("x", "known", "labels", "filled"):
            kept = getattr(self, name)
            kept.copy_(getattr(joined, name)[: len(kept)])
