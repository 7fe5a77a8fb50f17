"""The protocol of data sets: rows in order, by number where that is possible, or shuffled."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.data.readahead import read_ahead
from isthmus.data.rows import Rows
from isthmus.data.shuffling import LANES, mix, rebatch, spans
from isthmus.errors import DataError, ParameterError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from isthmus.data.moments import Moments
    from isthmus.data.schema import Schema

PERMUTATION_ROWS = 16_000_000
"""Up to so many rows random-access sources draw one whole permutation (8 bytes a row)."""

SPAN_ROWS = 8_192
"""Beyond that, spans of so many neighbours are permuted and then mixed in a buffer."""

BUFFER_BYTES = 128_000_000
"""What a shuffle buffer may take."""

LANE_BYTES = 1_024
"""So many bytes of a row are open at a time, over all lanes: Arrow keeps a page of every column of each."""


class Source(ABC):
    """A data set that can be read again and again, in memory or not.

    name : for messages. random_access : whether :meth:`take` works.
    label_names : names of the labels where they are codes 0, 1, ...; () where labels are numbers or absent.
    """

    name: str = "X"
    random_access: bool = False
    label_names: tuple[str, ...] = ()

    @property
    @abstractmethod
    def schema(self) -> Schema:
        """What the rows are. Streams are read once for it, at the first call."""

    @property
    @abstractmethod
    def n_rows(self) -> int:
        """How many rows there are."""

    @property
    def labels(self) -> NDArray[Any] | None:
        """(n_rows,) numbers, or None."""
        return None

    @property
    def dense_bytes(self) -> int:
        """Size as a float32 tensor in memory, with its mask where entries are unknown."""
        return self.schema.dense_bytes

    def moments(self) -> Moments | None:
        """Statistics a feature where the schema's pass gathered them, else None: then the fit streams once more."""
        return None

    @abstractmethod
    def blocks(self, block_rows: int) -> Iterator[Rows]:
        """All rows in order, ``block_rows`` at a time (the last block may be shorter), in constant memory."""

    def take(self, index: NDArray[np.int64]) -> Rows:
        """The rows of the given numbers, in that order. Raises DataError where only streaming is possible."""
        raise DataError(f"{self.name} can only be read from its beginning: read it with blocks().")

    def shuffled(self, block_rows: int, *, seed: int, buffer_rows: int = 200_000) -> Iterator[Rows]:
        """Every row once, ``block_rows`` at a time, in an order that depends on ``seed`` alone.

        Random-access sources of up to 16 million rows give a perfect shuffle. Beyond, and in streams, units
        (row groups of Parquet, spans of 8192 rows of a memory map) come in random order, several at a time,
        and are mixed in a buffer of ``buffer_rows`` rows (fewer where they would take more than 128 MB), on a
        second thread. A CSV file is one unit, so there only the buffer mixes.
        """
        check_block_rows(block_rows)
        if self.random_access and self.n_rows <= PERMUTATION_ROWS:
            return self._permuted(block_rows, seed)
        room = max(min(buffer_rows, BUFFER_BYTES // self.row_bytes), 1)
        lanes = max(min(LANES, LANE_BYTES // self.row_bytes), 1)
        return rebatch(read_ahead(mix(self.units(), seed=seed, buffer_rows=room, lanes=lanes)), block_rows)

    @property
    def row_bytes(self) -> int:
        """Bytes that a row takes in a shuffle buffer, roughly."""
        return 8 * self.schema.event_size

    def units(self) -> list[Callable[[], Iterator[Rows]]]:
        """Pieces of the data that can be read independently, in order; the grains of the shuffle."""
        if self.random_access:
            return [partial(self._span, start, stop) for start, stop in spans(self.n_rows, SPAN_ROWS)]
        return [partial(self.blocks, SPAN_ROWS)]

    def _span(self, start: int, stop: int) -> Iterator[Rows]:
        yield self.take(np.arange(start, stop))

    def _permuted(self, block_rows: int, seed: int) -> Iterator[Rows]:
        order = np.random.default_rng(seed).permutation(self.n_rows)
        for start, stop in spans(self.n_rows, block_rows):
            yield self.take(order[start:stop])


def check_block_rows(block_rows: int) -> None:
    """Raise ParameterError unless ``block_rows`` is at least 1."""
    if block_rows < 1:
        raise ParameterError(f"block_rows must be at least 1, got {block_rows}.")
