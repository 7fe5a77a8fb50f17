"""Sums over an epoch of what every step gives row by row."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

#: Steps whose rows are kept before they are added up.
FOLD_STEPS = 64


class TermSums:
    """The sums of terms over the rows of the running epoch, in double precision.

    Rows are kept for some steps and added up together, since a sum a step would cost more than the step's own losses.
    """

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._pending: dict[str, list[Tensor]] = {}

    def add(self, terms: Mapping[str, Tensor]) -> None:
        """terms : each (batch,), of one step."""
        for name, value in terms.items():
            self._pending.setdefault(name, []).append(value.detach())

    def fold(self) -> dict[str, Tensor]:
        """Add up the rows that have gathered; returns the sums, scalars by name."""
        for name, rows in self._pending.items():
            summed = torch.cat(rows).sum(
                dtype=torch.float64 if rows[0].device.type != "mps" else torch.float32
            )
            self._sums[name] = self._sums[name] + summed if name in self._sums else summed
        self._pending = {}
        return self._sums

    def clear(self) -> None:
        """Begin the next epoch."""
        self._sums, self._pending = {}, {}

    def tensors(self) -> dict[str, Tensor]:
        """All that a checkpoint has to hold; rows are not folded for it, which would change the last bits."""
        sums = {f"sum/{name}": value for name, value in self._sums.items()}
        return sums | {f"rows/{name}": torch.cat(rows) for name, rows in self._pending.items()}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Take in what :meth:`tensors` gave."""
        for name, value in tensors.items():
            kind, _, term = name.partition("/")
            if kind == "sum":
                self._sums[term] = value
            else:
                self._pending[term] = [value]
