"""Part of a data set as a data set of its own."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.data.shuffling import spans
from isthmus.data.source import Source, check_block_rows
from isthmus.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from isthmus.data.rows import Rows
    from isthmus.data.schema import Schema


class Subset(Source):
    """The rows ``index`` (n_rows,) of a source with random access, in that order, numbered anew from 0."""

    random_access = True

    def __init__(self, source: Source, index: NDArray[np.int64]) -> None:
        self.name = source.name
        self.label_names = source.label_names
        self._source = source
        self.index = index

    @property
    def schema(self) -> Schema:
        """The whole's schema with this many rows."""
        return dataclasses.replace(self._source.schema, n_rows=len(self.index))

    @property
    def n_rows(self) -> int:
        """Rows of the subset."""
        return len(self.index)

    @property
    def labels(self) -> NDArray[Any] | None:
        """(n_rows,) or None."""
        whole = self._source.labels
        return None if whole is None else whole[self.index]

    def blocks(self, block_rows: int) -> Iterator[Rows]:
        """See :class:`Source`."""
        check_block_rows(block_rows)
        for start, stop in spans(self.n_rows, block_rows):
            yield self.take(np.arange(start, stop))

    def take(self, index: NDArray[np.int64]) -> Rows:
        """See :class:`Source`; ``index`` counts within the subset."""
        return dataclasses.replace(self._source.take(self.index[index]), index=np.asarray(index))


def split_rows(source: Source, fraction: float, *, seed: int) -> tuple[Subset, Subset]:
    """(rows to train on, rows held out): ``fraction`` of the rows, drawn from ``seed``, at least one on each side.

    Raises DataError for data that can only be streamed, and for a single row.
    """
    if not source.random_access:
        raise DataError(
            f"{source.name} is read in a stream, so no rows can be held out of it: pass X_val (--validation)."
        )
    if source.n_rows < 2:
        raise DataError(f"{source.name} has one row, which cannot be split: set validation_fraction=0.")
    held_out = min(source.n_rows - 1, max(1, round(source.n_rows * fraction)))
    order = np.random.default_rng([seed, 1]).permutation(source.n_rows)
    return Subset(source, np.sort(order[held_out:])), Subset(source, np.sort(order[:held_out]))
