"""Mean and scatter matrix of narrow data in one pass, unknown entries included."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from isthmus.metrics.rows import Floats, Known

Array = npt.NDArray[np.float64]

_DOUBLE_WIDTH = 512  # up to here products in float64 cost less than reading the data
_CHUNK = 4096  # rows a product: its float32 rounding stays near 1e-7 of the product of the norms
SINGLE_LIMIT = 1e15  # beyond, squares leave float32's range


class Moments:
    """Accumulates sums and products of (batch, features) rows about a provisional mean.

    Products are float64 up to 512 features and for huge values; otherwise float32 matrix products of 4096
    rows, summed in float64, each entry accurate to about 1e-7 of the product of its two features' deviations.
    Memory: one features x features float64 matrix, three once an entry was unknown.
    """

    def __init__(self, features: int) -> None:
        self.n = 0
        self._shift: Array | None = None
        self._sums = np.zeros(features)
        self._counts: Array | None = None  # None while every entry was known: then they are n
        self._products = np.zeros(
            (features, features)
        )  # sum of s s', s = (x - shift) on known entries, else 0
        self._values_known = np.empty((0, 0))  # sum of s m', m = 1 on known entries, else 0
        self._both_known = np.empty((0, 0))  # sum of m m'

    def update(self, x: Floats, known: Known | None) -> None:
        """x (batch, features); known alike, None = all."""
        for start in range(0, len(x), _CHUNK):
            part = slice(start, start + _CHUNK)
            self._update(x[part], None if known is None else known[part])

    def _update(self, x: Floats, known: Known | None) -> None:
        if self._shift is None:
            self._shift = _mean(x, known).astype(np.float32).astype(np.float64)
        narrow = x.shape[1] <= _DOUBLE_WIDTH
        factor: Any = np.subtract(x, self._shift, dtype=np.float64 if narrow else x.dtype)
        if known is not None:
            factor[~known] = 0
        sums = factor.sum(axis=0, dtype=np.float64)
        if not narrow:
            small = max(-factor.min(initial=0), factor.max(initial=0)) < SINGLE_LIMIT
            factor = factor.astype(np.float32 if small else np.float64, copy=False)
        self._products += factor.T @ factor
        if known is not None or self._counts is not None:
            self._count(factor, sums, known)
        self._sums += sums
        self.n += len(x)

    def _count(self, factor: Any, sums: Array, known: Known | None) -> None:
        """Add to what is counted once an entry was unknown; the rows before were all known."""
        if self._counts is None:
            features = len(self._sums)
            self._counts = np.full(features, float(self.n))
            self._values_known = np.repeat(self._sums[:, None], features, axis=1)
            self._both_known = np.full((features, features), float(self.n))
        if known is None:
            self._counts += float(len(factor))
            self._values_known += sums[:, None]
            self._both_known += len(factor)
        else:
            there = known.astype(factor.dtype)
            self._counts += known.sum(axis=0)
            self._values_known += factor.T @ there
            self._both_known += there.T @ there

    def mean(self) -> Array:
        """(features,) means over known entries; 0 for a feature that was never known."""
        counts = np.full(len(self._sums), float(self.n)) if self._counts is None else self._counts
        shift = np.zeros(len(self._sums)) if self._shift is None else self._shift
        return np.where(counts > 0, shift + self._sums / np.maximum(counts, 1), 0.0)

    def scatter(self) -> Array:
        """(features, features) sum of (x - mean)(x - mean)', unknown entries standing at the mean."""
        if self._counts is None:
            return self._products - np.outer(self._sums, self._sums / max(self.n, 1))
        step = self._sums / np.maximum(self._counts, 1)
        cross = self._values_known * step
        return self._products - cross - cross.T + self._both_known * np.outer(step, step)


def _mean(x: Floats, known: Known | None) -> Array:
    """Column means over known entries, 0 where none is known."""
    if known is None:
        return np.asarray(x.mean(axis=0, dtype=np.float64))
    sums = np.where(known, x, 0).sum(axis=0, dtype=np.float64)
    return np.asarray(sums / np.maximum(known.sum(axis=0), 1))
