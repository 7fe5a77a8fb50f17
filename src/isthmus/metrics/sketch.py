"""The leading directions of wide data in one pass and bounded memory."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from isthmus.metrics.rows import Floats, Known

Array = npt.NDArray[np.float64]

_ENTRIES = 1 << 23  # numbers of data held at once: 32 MB of float32
_SPARSE_ROWS = 512
_WAITING_ROWS = 4096  # incomplete rows gathered before the first means are trusted


class Sketch:
    """Incremental singular value decomposition: ``rank`` directions are carried along, the rest is dropped.

    Complete rows are centered exactly (a correction row stands for the moving mean); as long as the data have
    no more than ``rank`` directions the result is exact, otherwise it is close from below, since a direction
    that only later becomes important starts without its past. Rows with unknown entries are centered by the
    means over the known entries so far, unknown entries standing at the mean; the first 4096 rows (or 8
    million entries) are gathered to know those means well enough.

    Memory: about 4 * features * (3 * rank + 600) bytes at most, independent of the number of rows.
    References: Ross, Lim, Lin and Yang (2008), IJCV 77, section 3.1, with the left factor dropped and the
    decomposition taken through the Gram matrix of directions and new rows.
    """

    def __init__(self, features: int, *, rank: int) -> None:
        self.n = 0
        self.rank = min(rank, features)
        self._features = features
        self._sums = np.zeros(features)
        self._counts: Array | None = None  # None while every entry was known: then they are n
        self._directions = np.zeros((0, features), dtype=np.float32)  # scaled: B'B is the scatter matrix
        self._waiting: list[tuple[Any, Known | None]] | None = []  # None once the means are trusted
        self._waiting_size = [0, 0]

    def update(self, x: Floats | sparse.csr_array, known: Known | None) -> None:
        """x (batch, features) dense, or sparse rows, stored = known (then known is None)."""
        dense_rows = max(1, min(2 * self.rank, _ENTRIES // self._features))
        step = _SPARSE_ROWS if _is_sparse(x) else dense_rows
        for start in range(0, x.shape[0], step):
            part = slice(start, start + step)
            self._update(x[part], None if known is None else known[part])

    def _update(self, x: Any, known: Known | None) -> None:
        complete = known is None and not _is_sparse(x)
        if complete and self._counts is None:
            self._absorb_complete(x)
            return
        if self._counts is None:
            self._counts = np.full(self._features, float(self.n))
        self._sums += np.asarray(
            x.sum(axis=0, dtype=np.float64) if known is None else np.where(known, x, 0).sum(0)
        )
        self._counts += _known_counts(x, known)
        self.n += x.shape[0]
        if self._waiting is None:
            self._absorb_incomplete(x, known)
            return
        self._waiting.append((x.copy(), known))
        self._waiting_size[0] += x.shape[0]
        self._waiting_size[1] += int(x.nnz if _is_sparse(x) else x.size)
        if self._waiting_size[0] >= _WAITING_ROWS or self._waiting_size[1] >= _ENTRIES:
            self._flush()

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting or [], None
        for x, known in waiting:
            self._absorb_incomplete(x, known)

    def _absorb_complete(self, x: Floats) -> None:
        sums = x.sum(axis=0, dtype=np.float64)
        mean, rows = sums / len(x), len(x)
        if self.n:
            step = (self._sums / self.n - mean) * math.sqrt(self.n * rows / (self.n + rows))
            self._directions = np.vstack([self._directions, step.astype(np.float32)])
        self._absorb(np.subtract(x, mean.astype(x.dtype)).astype(np.float32, copy=False))
        self._sums += sums
        self.n += rows

    def _absorb_incomplete(self, x: Any, known: Known | None) -> None:
        mean = self.mean()
        if _is_sparse(x):
            data = (x.data - mean[x.indices]).astype(np.float32)
            self._absorb(sparse.csr_array((data, x.indices, x.indptr), shape=x.shape))
            return
        rows = np.subtract(x, mean.astype(x.dtype)).astype(np.float32, copy=False)
        self._absorb(rows if known is None else np.where(known, rows, np.float32(0)))

    def _absorb(self, rows: Any) -> None:
        """Replace directions and centered new rows, stacked, by the leading directions of both."""
        old = self._directions
        across = np.asarray(rows @ old.T, dtype=np.float64)
        within = rows @ rows.T
        within = np.asarray(within.toarray() if _is_sparse(within) else within, dtype=np.float64)
        gram = np.block([[(old @ old.T).astype(np.float64), across.T], [across, within]])
        _, vectors = np.linalg.eigh(gram)
        turn = vectors[:, ::-1][:, : self.rank].astype(np.float32)
        self._directions = turn[: len(old)].T @ old + np.asarray(rows.T @ turn[len(old) :]).T

    def mean(self) -> Array:
        """(features,) means over known entries; 0 for a feature that was never known."""
        if self._counts is None:
            return self._sums / max(self.n, 1)
        return np.where(self._counts > 0, self._sums / np.maximum(self._counts, 1), 0.0)

    def directions(self) -> npt.NDArray[np.float32]:
        """(<= rank + 1, features) float32 B with B'B near the scatter matrix about the mean."""
        self._flush()
        return self._directions


def _is_sparse(x: Any) -> bool:
    """A plain bool, so that type checkers do not narrow x to a class without data."""
    return bool(sparse.issparse(x))


def _known_counts(x: Any, known: Known | None) -> Array | float:
    """How many rows know each feature."""
    if known is not None:
        return np.asarray(known.sum(axis=0), dtype=np.float64)
    if _is_sparse(x):
        return np.bincount(x.indices, minlength=x.shape[1]).astype(np.float64)
    return float(len(x))
