"""One pass over a table: the statistics of every column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.data.columns import dtype_of, first_text, is_text, kind_of, looks_numeric, matrix, texts
from isthmus.data.moments import Moments
from isthmus.data.schema import ColumnSchema, unit_of
from isthmus.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

MAX_LEVELS = 1_000
"""A text column of more levels is refused: each level would be one number of model space."""

FREE_LEVELS = 50
"""A text column of more levels than this is refused too when more than half of its entries are levels of their own."""


class TableProfile:
    """Gathers, block by block, what the schema and the fit need to know of a table.

    Raises DataError, naming column and row, for infinite numbers, for text of too many levels (identifiers),
    and for columns of numbers that hold some text.
    """

    def __init__(self, schema: pa.Schema, *, name: str, target: str | None = None) -> None:
        self.name = name
        self.target = target
        self.fields = [field for field in schema if field.name != target]
        kinds = {field.name: kind_of(field.name, field.type, name) for field in schema}
        self.kinds = kinds
        self.numeric = [field.name for field in self.fields if kinds[field.name] == "numeric"]
        self.texts = [field.name for field in schema if kinds[field.name] == "categorical"]
        self.moments = Moments(len(self.numeric))
        self.levels: dict[str, Counter[str]] = {column: Counter() for column in self.texts}
        self.rows = 0
        self._types = {field.name: field.type for field in schema}
        self._first_text: dict[str, tuple[int, str]] = {}

    def update(self, table: Any) -> None:
        """Look at the next rows (a table or record batch)."""
        if self.numeric:
            values = matrix(table, self.numeric, self.rows)
            with np.errstate(invalid="ignore", over="ignore"):
                self.moments.update(values)
            if np.isinf([self.moments.low, self.moments.high]).any():
                self._refuse_infinite(values)
        for column in self.texts:
            self._count(column, table.column(column))
        self.rows += table.num_rows

    def _refuse_infinite(self, values: Any) -> None:
        rows, places = np.nonzero(np.isinf(values))
        if rows.size:
            raise DataError(
                f"column {self.numeric[places[0]]!r} of {self.name} is {values[rows[0], places[0]]} in row "
                f"{self.rows + int(rows[0])}: mend the entry, or leave it empty if it is unknown."
            )

    def _count(self, column: str, values: Any) -> None:
        counted = texts(values).value_counts()
        counter = self.levels[column]
        for level, count in zip(
            counted.field("values").cast("string").to_pylist(),
            counted.field("counts").to_pylist(),
            strict=True,
        ):
            if level is None:
                continue
            counter[level] += count
            if column not in self._first_text and not looks_numeric(level):
                row, text = first_text(texts(values).cast("string"))
                self._first_text[column] = (self.rows + row, text)
        if len(counter) > MAX_LEVELS:
            self._refuse_levels(column, f"more than {MAX_LEVELS:,} different texts")

    def finish(self) -> None:
        """Check what only the whole can tell."""
        if not self.rows:
            raise DataError(
                f"Found array with 0 sample(s) (shape=(0, {len(self.fields)})) while a minimum of 1 is required: "
                f"{self.name} has no rows."
            )
        for column in self.texts:
            counter = self.levels[column]
            if len(counter) > max(FREE_LEVELS, counter.total() / 2):
                self._refuse_levels(
                    column, f"{len(counter):,} different texts in {counter.total():,} entries"
                )
            self._refuse_stray_text(column)
        # Text of which nothing is known counts as numeric, so that it is one entry that is always unknown.
        wider = [
            field.name
            for field in self.fields
            if self.kinds[field.name] == "numeric" or not self.levels[field.name]
        ]
        places = np.array([wider.index(column) for column in self.numeric], dtype=np.int64)
        self.moments, self.numeric = self.moments.spread(places, len(wider)), wider

    def _refuse_levels(self, column: str, found: str) -> None:
        self._refuse_stray_text(column)
        raise DataError(
            f"column {column!r} of {self.name} holds {found}, a category may have {MAX_LEVELS:,} levels at most "
            f"(and, beyond {FREE_LEVELS}, two entries a level on average): leave identifiers and free text "
            f"out by --drop {column!r} or open_source(drop=)."
        )

    def _refuse_stray_text(self, column: str) -> None:
        """A plain text column most of whose entries are numbers is a numeric column with a fault in it."""
        counter = self.levels[column]
        if column not in self._first_text or not is_text(self._types[column]):
            return
        numeric = sum(count for level, count in counter.items() if looks_numeric(level))
        if numeric > counter.total() / 2:
            row, text = self._first_text[column]
            raise DataError(
                f"column {column!r} of {self.name} holds numbers, and text ({text!r}) in row {row}: "
                f"mend the entry, or leave it empty if it is unknown."
            )

    def columns(self) -> tuple[ColumnSchema, ...]:
        """The schema's columns."""
        place = {column: number for number, column in enumerate(self.numeric)}
        return tuple(
            self._numeric(field, place[field.name]) if field.name in place else self._categorical(field)
            for field in self.fields
        )

    def _numeric(self, field: Any, place: int) -> ColumnSchema:
        seen = bool(self.moments.count[place])
        low, high = float(self.moments.low[place]), float(self.moments.high[place])
        return ColumnSchema(
            name=field.name,
            kind="numeric",
            dtype=dtype_of(field.type),
            unit=unit_of(field.name),
            missing=1 - float(self.moments.count[place]) / self.rows,
            minimum=low if seen else None,
            maximum=high if seen else None,
            constant=seen and low == high,
        )

    def _categorical(self, field: Any) -> ColumnSchema:
        counter = self.levels[field.name]
        return ColumnSchema(
            name=field.name,
            kind="categorical",
            dtype=dtype_of(field.type),
            unit=unit_of(field.name),
            levels=tuple(sorted(counter)),
            missing=1 - counter.total() / self.rows,
            constant=len(counter) == 1,
        )


def profiled(tables: Iterable[Any], schema: pa.Schema, *, name: str, target: str | None) -> TableProfile:
    """The finished profile of a stream of tables."""
    profile = TableProfile(schema, name=name, target=target)
    for table in tables:
        profile.update(table)
    profile.finish()
    return profile
