"""The distribution of per-sample errors in constant memory."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_LOW, _HIGH, _PER_DECADE = -30, 30, 200
_ROW = np.dtype([("key", np.float64), ("error", np.float64), ("index", np.int64)])


class ErrorDistribution:
    """Quantiles of a stream of non-negative numbers, and an even sample of it.

    Up to ``limit`` errors are kept as they came; of a longer stream a uniform sample of ``limit`` is kept
    (the smallest of random keys), the same rows in every instance of equal ``limit`` and ``seed``, so that
    the errors of several models on one stream stay paired. Quantiles are exact up to ``limit`` rows; beyond,
    they come from 200 logarithmic bins a decade, each within 1.2 % of the true value.

    Random: the sample, from ``seed`` alone; independent of how the stream is cut into batches.
    """

    edges: Final[Array] = np.logspace(_LOW, _HIGH, (_HIGH - _LOW) * _PER_DECADE + 1)

    def __init__(self, *, limit: int = 100_000, seed: int = 0) -> None:
        self.limit = limit
        self.n = 0
        self._generator = np.random.default_rng(seed)
        self._counts = np.zeros(len(self.edges) + 1, dtype=np.int64)
        self._kept = np.empty(0, dtype=_ROW)
        self._pending: list[npt.NDArray[np.void]] = []
        self._pending_rows = 0
        self._highest_key = np.inf  # a row with a higher key than all of ``limit`` kept ones cannot stay

    def update(self, errors: Array, index: npt.NDArray[np.int64]) -> None:
        """errors (batch,), NaN where a sample has none (it is left out); index (batch,) row numbers."""
        rows = np.empty(len(errors), dtype=_ROW)
        rows["key"], rows["error"], rows["index"] = self._generator.random(len(errors)), errors, index
        rows = rows[~np.isnan(errors)]
        self.n += len(rows)
        bins = np.searchsorted(self.edges, rows["error"], side="right")
        self._counts += np.bincount(bins, minlength=len(self._counts))
        rows = rows[rows["key"] < self._highest_key]
        self._pending.append(rows)
        self._pending_rows += len(rows)
        if self._pending_rows > self.limit:
            self._settle()

    def _settle(self) -> None:
        """Merge what is pending and keep the ``limit`` rows with the smallest keys, in the stream's order."""
        rows = np.concatenate([self._kept, *self._pending])
        if len(rows) > self.limit:
            rows = rows[np.sort(np.argpartition(rows["key"], self.limit - 1)[: self.limit])]
            self._highest_key = rows["key"].max()
        self._kept, self._pending, self._pending_rows = rows, [], 0

    @property
    def exact(self) -> bool:
        """Whether every error is still held."""
        return self.n <= self.limit

    def sample(self) -> tuple[npt.NDArray[np.int64], Array]:
        """Row numbers and errors kept, in the order of the stream, each (min(n, limit),)."""
        self._settle()
        return self._kept["index"].copy(), self._kept["error"].copy()

    def quantiles(self, shares: npt.ArrayLike) -> Array:
        """The errors that ``shares`` (in [0, 1]) of the stream do not exceed; NaN when it is empty."""
        wanted = np.asarray(shares, dtype=np.float64)
        if self.n == 0:
            return np.full(wanted.shape, np.nan)
        if self.exact:
            return np.asarray(np.quantile(self.sample()[1], wanted, method="inverted_cdf"))
        places = np.searchsorted(np.cumsum(self._counts), np.maximum(np.ceil(wanted * self.n), 1))
        middles = np.concatenate([[0.0], np.sqrt(self.edges[:-1] * self.edges[1:]), [np.inf]])
        return np.asarray(middles[places])
