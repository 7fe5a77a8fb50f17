"""Rows that are looked at, chosen by what they hold and not by where they stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float32]
    Known = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows in model space, in an order that depends on nothing but their contents.

    x : (n, features) float32, unknown entries 0. known : (n, features) bool, None where all entries are known.
    labels : (n,) classes or numbers, None without; NaN or -1 where a row has none.
    total : rows that these were chosen from.
    """

    x: Array
    known: Known | None
    labels: NDArray[Any] | None
    total: int

    def __len__(self) -> int:
        return len(self.x)

    def squares(self, other: Any) -> NDArray[np.float64]:
        """other (n, features) -> (n, features) squared differences, 0 where an entry is not known."""
        squares = (self.x.astype(np.float64) - other) ** 2
        return np.asarray(squares if self.known is None else squares * self.known)

    def counts(self) -> NDArray[np.float64]:
        """(n,) known entries of each row."""
        if self.known is None:
            return np.full(len(self.x), float(self.x.shape[1]))
        return np.asarray(self.known.sum(axis=1), dtype=np.float64)


class Sampler:
    """A sample of a stream of rows that is the same in whatever order they come.

    Every row has a number made of its contents and the seed; the rows with the smallest numbers are kept, in the
    order of these. So equal data give equal samples, and copies of a row are kept or left together.

    Parameters
    ----------
    limit : rows kept at most. seed : of the choice.
    """

    def __init__(self, limit: int, *, seed: int) -> None:
        self.limit = limit
        self.seed = seed
        self.total = 0
        self._kept: list[tuple[NDArray[np.uint64], Array, Known | None, NDArray[Any] | None]] = []

    def update(self, x: Array, known: Known | None, labels: NDArray[Any] | None) -> None:
        """x (n, features) float32, unknown entries 0, known likewise or None, labels (n,) or None."""
        self.total += len(x)
        self._kept.append((self._numbers(x, known, labels), x, known, labels))
        if sum(len(numbers) for numbers, *_ in self._kept) > 2 * self.limit:
            self._kept = [self._smallest()]

    def rows(self) -> Rows:
        """What was kept."""
        _, x, known, labels = self._smallest()
        return Rows(np.ascontiguousarray(x), known, labels, self.total)

    def _smallest(self) -> tuple[NDArray[np.uint64], Array, Known | None, NDArray[Any] | None]:
        numbers, x, known, labels = (_joined(pieces) for pieces in zip(*self._kept, strict=True))
        order = np.argsort(numbers, kind="stable")[: self.limit]
        return (
            numbers[order],
            x[order],
            None if known is None else known[order],
            None if labels is None else labels[order],
        )

    def _numbers(self, x: Array, known: Known | None, labels: NDArray[Any] | None) -> NDArray[np.uint64]:
        """(n,) 64 bits made of each row's contents."""
        factors = (
            np.random.default_rng(self.seed).integers(1, 2**63, size=x.shape[1] + 2, dtype=np.uint64) | 1
        )
        words = (x + np.float32(0)).view(np.uint32).astype(np.uint64)  # -0 becomes 0
        # Multiplied by odd numbers and added up modulo 2^64; the upper bits depend on all of a row.
        with np.errstate(over="ignore"):
            mixed = words @ factors[:-2] if known is None else (words + known) @ factors[:-2]
            if labels is not None:
                mixed = mixed + labels.astype(np.float64).view(np.uint64) * factors[-2]
            mixed = (mixed ^ (mixed >> np.uint64(29))) * factors[-1]
        return np.asarray(mixed ^ (mixed >> np.uint64(32)))


def _joined(pieces: Any) -> Any:
    return None if any(piece is None for piece in pieces) else np.concatenate(pieces)
