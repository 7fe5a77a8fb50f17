"""Tables: what all of them share, and those in memory."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.data.columns import codes, kind_of, matrix, numbers
from isthmus.data.frames import as_table
from isthmus.data.profile import TableProfile, profiled
from isthmus.data.readahead import read_ahead
from isthmus.data.rows import Rows
from isthmus.data.schema import Native, Schema
from isthmus.data.selection import ALL, Selection
from isthmus.data.shuffling import rebatch, spans
from isthmus.data.source import Source, check_block_rows
from isthmus.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from isthmus.data.moments import Moments

PIECE_BYTES = 4_000_000
"""What is read at a time, roughly."""

Unit = tuple[int, Callable[[Sequence[str]], Iterator[Any]]]
"""Number of the first row, and a reader of the named columns that gives tables or record batches."""


class TableStream(Source):
    """A table that is read piece by piece. Subclasses say which columns there are and how to read a unit."""

    native: Native = "file"

    def _choose(self, schema: pa.Schema, selection: Selection) -> None:
        """Settle which columns are read, and check that they exist and can be used."""
        import pyarrow as pa

        chosen, target = selection.chosen(schema.names, self.name), selection.target
        self.target = target
        self.column_names = chosen
        self.read_names = (*chosen, *([target] if target is not None else []))
        self.read_schema = pa.schema([schema.field(name) for name in self.read_names])
        kinds = {field.name: kind_of(field.name, field.type, self.name) for field in self.read_schema}
        self._numeric = all(kinds[name] == "numeric" for name in chosen)
        self._text_target = target is not None and kinds[target] == "categorical"

    @property
    def row_bytes(self) -> int:
        """Bytes of a row in a shuffle buffer, roughly."""
        return 8 * len(self.read_names)

    @property
    def piece_rows(self) -> int:
        """Rows that are read at a time."""
        return max(min(PIECE_BYTES // self.row_bytes, 65_536), 64)

    @abstractmethod
    def _units(self) -> list[Unit]:
        """The pieces that can be read on their own, in order."""

    @cached_property
    def profile(self) -> TableProfile:
        """Statistics of all columns; reads the data once, at the first call."""
        return profiled(self._tables(self.read_names), self.read_schema, name=self.name, target=self.target)

    def moments(self) -> Moments:
        """Of the numeric columns, in order."""
        return self.profile.moments

    @cached_property
    def schema(self) -> Schema:
        """What the columns are; reads the data once, at the first call."""
        columns = self.profile.columns()
        dtypes = {column.dtype for column in columns}
        return Schema(
            kind="table",
            shape=(len(columns),),
            dtype=dtypes.pop() if len(dtypes) == 1 else "mixed",
            native=self.native,
            n_rows=self.n_rows,
            columns=columns,
            missing=float(np.mean([column.missing for column in columns])),
            minimum=min((column.minimum for column in columns if column.minimum is not None), default=None),
            maximum=max((column.maximum for column in columns if column.maximum is not None), default=None),
        )

    @cached_property
    def label_names(self) -> tuple[str, ...]:  # type: ignore[override]
        """Levels of a text target, whose labels are codes; () for numbers."""
        if not self._text_target or self.target is None:
            return ()
        return tuple(sorted(self.profile.levels[self.target]))

    @cached_property
    def labels(self) -> NDArray[Any] | None:
        """(n_rows,) the target column: numbers, or codes of ``label_names`` (-1 = unknown)."""
        if self.target is None:
            return None
        return np.concatenate([self._coded(table) for table in self._tables([self.target])])

    def _coded(self, table: Any) -> NDArray[Any]:
        target = str(self.target)
        if self._text_target:
            found, _ = codes(table.column(target), self.label_names)
            return found
        return numbers(table.column(target), name=target)

    def _tables(self, names: Sequence[str]) -> Iterator[Any]:
        for _, read in self._units():
            yield from read(names)

    def _rows(self, unit: Unit) -> Iterator[Rows]:
        """A unit's rows; arrays where every column is numeric, which are several times faster to work on."""
        import pyarrow as pa

        row, read = unit
        for piece in read(self.read_names):
            labels = self._coded(piece) if self.target is not None else None
            index = np.arange(row, row + piece.num_rows)
            row += piece.num_rows
            if self._numeric:
                yield Rows(matrix(piece, self.column_names, index), index, labels, self.column_names)
                continue
            table = pa.Table.from_batches([piece]) if isinstance(piece, pa.RecordBatch) else piece
            yield Rows(table.select(self.column_names), index, labels)

    def blocks(self, block_rows: int) -> Iterator[Rows]:
        """All rows in order: arrays with names where every column is numeric, else Arrow tables."""
        check_block_rows(block_rows)
        pieces = (rows for unit in self._units() for rows in self._rows(unit))
        return rebatch(pieces if self.random_access else read_ahead(pieces), block_rows)

    def units(self) -> list[Callable[[], Iterator[Rows]]]:
        """The grains of the shuffle."""
        return [partial(self._rows, unit) for unit in self._units()]


class TableSource(TableStream):
    """A frame in memory: pandas, polars, Arrow.

    labels : (n,) numbers, where they are not a column of the frame; label_names where they are codes.
    """

    random_access = True

    def __init__(
        self,
        frame: Any,
        *,
        name: str = "X",
        native: Native = "arrow",
        selection: Selection = ALL,
        labels: NDArray[Any] | None = None,
        label_names: tuple[str, ...] = (),
    ) -> None:
        self.name = name
        self.native = native
        self.table = as_table(frame, name=name)
        self._choose(self.table.schema, selection)
        if not self.table.num_rows:
            raise DataError(
                f"Found array with 0 sample(s) (shape=(0, {len(self.column_names)})) while a minimum of 1 is "
                f"required: {name} has no rows."
            )
        if labels is not None and selection.target is None:
            self.labels = labels
            self.label_names = label_names

    @property
    def n_rows(self) -> int:
        """How many rows there are."""
        return int(self.table.num_rows)

    def _units(self) -> list[Unit]:
        return [
            (start, partial(self._read, start, stop)) for start, stop in spans(self.n_rows, self.piece_rows)
        ]

    def _read(self, start: int, stop: int, names: Sequence[str]) -> Iterator[Any]:
        yield self.table.select(list(names)).slice(start, stop - start)

    def _rows(self, unit: Unit) -> Iterator[Rows]:
        for rows in super()._rows(unit):
            if rows.labels is None and self.labels is not None:
                rows.labels = self.labels[rows.index]
            yield rows

    @cached_property
    def _matrix(self) -> NDArray[Any] | None:
        """The whole as one array where all columns are numeric, made at the first gather."""
        return matrix(self.table, self.column_names) if self._numeric else None

    def take(self, index: NDArray[np.int64]) -> Rows:
        """The rows of the given numbers, copied; an array where every column is numeric."""
        index = np.asarray(index, dtype=np.int64)
        labels = None if self.labels is None else self.labels[index]
        if self._matrix is not None:
            return Rows(self._matrix[index], index, labels, self.column_names)
        return Rows(self.table.select(list(self.column_names)).take(index), index, labels)
