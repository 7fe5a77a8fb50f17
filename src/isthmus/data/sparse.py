"""Sparse matrices, kept sparse: stored entries are known (explicit zeros too), absent entries are unknown."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.data.moments import Moments, Range
from isthmus.data.rows import Rows
from isthmus.data.schema import Native, Schema
from isthmus.data.shuffling import spans
from isthmus.data.source import Source, check_block_rows
from isthmus.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array


def as_csr(matrix: Any, *, name: str = "X") -> csr_array:
    """Any scipy sparse matrix or array as CSR without duplicates; copied only where it has some."""
    from scipy.sparse import csr_array

    if matrix.ndim != 2:
        raise DataError(
            f"{name} is a sparse array of {matrix.ndim} dimension(s), 2 are needed: rows x features."
        )
    if matrix.dtype.kind == "c":
        raise DataError(f"Complex data not supported: {name} holds {matrix.dtype}.")
    if matrix.dtype.kind not in "buif":
        raise DataError(f"{name} holds {matrix.dtype}, numbers are needed.")
    csr = csr_array(matrix)
    if not csr.has_canonical_format:
        csr = csr.copy()
        csr.sum_duplicates()
    for size, word in ((csr.shape[0], "sample"), (csr.shape[1], "feature")):
        if size == 0:
            raise DataError(
                f"Found array with 0 {word}(s) (shape={csr.shape}) while a minimum of 1 is required: {name} is empty."
            )
    return csr


class SparseSource(Source):
    """A scipy sparse matrix of any format, (n, features)."""

    random_access = True

    def __init__(
        self, matrix: Any, *, name: str = "X", native: Native = "sparse", labels: NDArray[Any] | None = None
    ) -> None:
        self.matrix = as_csr(matrix, name=name)
        self.name = name
        self.native = native
        self._labels = labels

    @property
    def n_rows(self) -> int:
        """How many rows there are."""
        return int(self.matrix.shape[0])

    @property
    def labels(self) -> NDArray[Any] | None:
        """(n_rows,) numbers, or None."""
        return self._labels

    @cached_property
    def schema(self) -> Schema:
        """What the rows are; ``missing`` is the share of entries that are not stored."""
        seen = Range()
        seen.update(self.matrix.data)
        rows, features = self.matrix.shape
        known = self.matrix.nnz - seen.missing
        return Schema(
            kind="sparse",
            shape=(features,),
            dtype=self.matrix.dtype.name,
            native=self.native,
            n_rows=rows,
            missing=1 - known / (rows * features),
            minimum=seen.low if known else None,
            maximum=seen.high if known else None,
        )

    def moments(self) -> Moments:
        """Of the known entries, a feature; nothing is densified."""
        rows, features = self.matrix.shape
        data, places = self.matrix.data.astype(np.float64), self.matrix.indices
        known = ~np.isnan(data)
        data, places = data[known], places[known]
        moments = Moments(features)
        moments.rows = rows
        moments.count = np.bincount(places, minlength=features).astype(np.float64)
        divisor = np.maximum(moments.count, 1)
        moments.mean = np.bincount(places, weights=data, minlength=features) / divisor
        deviations = np.square(data - moments.mean[places])
        moments.squares[:] = np.bincount(places, weights=deviations, minlength=features)
        np.minimum.at(moments.low, places, data)
        np.maximum.at(moments.high, places, data)
        return moments

    def blocks(self, block_rows: int) -> Iterator[Rows]:
        """All rows in order, as CSR arrays."""
        check_block_rows(block_rows)
        for start, stop in spans(self.n_rows, block_rows):
            yield self.take(np.arange(start, stop))

    def take(self, index: NDArray[np.int64]) -> Rows:
        """The rows of the given numbers."""
        labels = None if self._labels is None else self._labels[index]
        return Rows(self.matrix[index], np.asarray(index, dtype=np.int64), labels)
