"""Statistics that are gathered block by block in float64."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHUNK_ROWS = 1_024
"""Rows that moments look at in one go, so that temporaries stay in the cache."""


class Range:
    """Smallest and largest known number, and how many entries are unknown (NaN). Infinite values count."""

    def __init__(self) -> None:
        self.low = math.inf
        self.high = -math.inf
        self.missing = 0

    def update(self, values: NDArray[Any]) -> None:
        """values : any shape."""
        if not values.size:
            return
        low, high = float(values.min()), float(values.max())
        if math.isnan(low):
            unknown = np.isnan(values)
            self.missing += int(unknown.sum())
            if unknown.all():
                return
            low, high = float(np.nanmin(values)), float(np.nanmax(values))
        self.low, self.high = min(self.low, low), max(self.high, high)


class Moments:
    """Count, mean, sum of squared deviations, minimum and maximum a feature, of known entries only.

    Blocks are merged by Chan, Golub and LeVeque (1979), "Updating formulae and a pairwise algorithm for
    computing sample variances", so large offsets and long streams lose no digits.
    """

    def __init__(self, features: int) -> None:
        self.rows = 0
        self.count = np.zeros(features)
        self.mean = np.zeros(features)
        self.squares = np.zeros(features)
        self.low = np.full(features, np.inf)
        self.high = np.full(features, -np.inf)

    def update(self, values: NDArray[Any]) -> None:
        """values : (rows, features), NaN = unknown."""
        if not len(values):
            return
        for start in range(0, len(values), CHUNK_ROWS):
            block = np.asarray(values[start : start + CHUNK_ROWS], dtype=np.float64)
            total = block.sum(axis=0)
            if np.isfinite(total).all():
                self._update_known(block, total)
            else:
                self._update_partly(block, ~np.isnan(block))

    def _update_known(self, block: NDArray[Any], total: NDArray[Any]) -> None:
        mean = total / len(block)
        self.low = np.minimum(self.low, block.min(axis=0))
        self.high = np.maximum(self.high, block.max(axis=0))
        block = block - mean
        self._merge(np.full(block.shape[1], float(len(block))), mean, np.einsum("ij,ij->j", block, block))
        self.rows += len(block)

    def _update_partly(self, block: NDArray[Any], known: NDArray[np.bool_]) -> None:
        count = known.sum(axis=0).astype(np.float64)
        mean = np.where(known, block, 0.0).sum(axis=0) / np.maximum(count, 1)
        self.low = np.minimum(self.low, np.where(known, block, np.inf).min(axis=0))
        self.high = np.maximum(self.high, np.where(known, block, -np.inf).max(axis=0))
        self._merge(count, mean, np.square(np.where(known, block - mean, 0.0)).sum(axis=0))
        self.rows += len(block)

    def _merge(self, count: NDArray[Any], mean: NDArray[Any], squares: NDArray[Any]) -> None:
        together = np.maximum(self.count + count, 1)
        step = mean - self.mean
        self.squares += squares + np.square(step) * self.count * count / together
        self.mean += step * count / together
        self.count += count

    def spread(self, places: NDArray[np.int64], features: int) -> Moments:
        """The same, with feature i at ``places[i]`` of ``features``; of the others nothing is known."""
        wider = Moments(features)
        wider.rows = self.rows
        for name in ("count", "mean", "squares", "low", "high"):
            getattr(wider, name)[places] = getattr(self, name)
        return wider

    @property
    def std(self) -> NDArray[np.float64]:
        """(features,) population standard deviation; 1 where it is 0 or not known, so that it can divide."""
        std = np.sqrt(self.squares / np.maximum(self.count, 1))
        # A constant column's deviation is rounding of its mean, a few units in the last place.
        flat = (self.low >= self.high) | (std <= 4 * np.finfo(np.float64).eps * np.abs(self.mean))
        return np.where(flat, 1.0, std)
