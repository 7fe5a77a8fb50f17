"""What a data set is: kind, shape, type, and for tables every column. Printed, saved with a model, enforced."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, cast

from isthmus.errors import ModelError
from isthmus.types import Kind

DataKind = Literal["vector", "table", "image", "sparse"]
Native = Literal["numpy", "torch", "pandas", "polars", "arrow", "sparse", "file"]


@dataclass(frozen=True)
class ColumnSchema:
    """One column of a table.

    kind : "numeric" (one entry of model space) or "categorical" (one indicator a level).
    unit : what the name says in trailing brackets ("length (cm)"), else "".
    dtype : Arrow's name of the type; "category of ..." for dictionaries.
    levels : of a categorical column, as text, sorted; a level's place is its code.
    missing : share of unknown entries, in [0, 1]. 1 means that nothing is known about the column.
    minimum, maximum : of the known numbers, in data units; None for categorical and all-missing columns.
    constant : True when the known entries are all one value.
    """

    name: str
    kind: Kind
    dtype: str
    unit: str = ""
    levels: tuple[str, ...] = ()
    missing: float = 0.0
    minimum: float | None = None
    maximum: float | None = None
    constant: bool = False

    @property
    def width(self) -> int:
        """Entries of model space that the column takes."""
        return len(self.levels) if self.kind == "categorical" else 1


@dataclass(frozen=True)
class Schema:
    """What the rows of a data set look like, in data units.

    shape : of one row as it is stored: (features,), (height, width), (height, width, channels), (columns,).
    dtype : numpy's name for arrays, "mixed" for tables of several types.
    native : what the caller brought, so that results can go back in the same form.
    columns : of a table, in order; () otherwise.
    missing : share of unknown entries; of sparse data the share of entries that are not stored.
    minimum, maximum : of all known numbers; None when there is none.
    white : of data whose range is fixed, the value of full intensity (255 for uint8), else None.
    """

    kind: DataKind
    shape: tuple[int, ...]
    dtype: str
    native: Native
    n_rows: int
    columns: tuple[ColumnSchema, ...] = ()
    missing: float = 0.0
    minimum: float | None = None
    maximum: float | None = None
    white: float | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Column names of a table, else ()."""
        return tuple(column.name for column in self.columns)

    @property
    def event_size(self) -> int:
        """Numbers that a row takes in model space."""
        if self.kind == "table":
            return sum(column.width for column in self.columns)
        return math.prod(self.shape)

    @property
    def dense_bytes(self) -> int:
        """Bytes of all rows as float32 in model space, with a mask of one byte an entry where some are unknown."""
        return self.n_rows * self.event_size * (5 if self.missing > 0 else 4)

    def to_json(self) -> dict[str, Any]:
        """JSON-ready form, read back by :meth:`from_json`."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Schema:
        """The schema that ``to_json`` wrote. Raises ModelError for anything else."""
        try:
            fields = dict(document)
            columns = tuple(
                ColumnSchema(**(column | {"levels": tuple(column["levels"])}))
                for column in fields.pop("columns")
            )
            return cls(**(fields | {"shape": tuple(fields["shape"]), "columns": columns}))
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(
                f"this is not a schema that isthmus wrote ({error}): save the model anew."
            ) from error

    def describe(self) -> str:
        """A few lines for a terminal: the whole, then a table of the columns."""
        size = " x ".join(map(str, self.shape))
        lines = [
            f"{self.kind} data, {self.n_rows:,} rows of {size} ({self.dtype}), {self.missing:.1%} unknown"
        ]
        if self.minimum is not None and self.kind != "table":
            lines.append(f"values from {self.minimum:g} to {self.maximum:g}")
        if self.columns:
            lines += ["", *_aligned(list(self._column_lines()))]
        return "\n".join(lines)

    def _column_lines(self) -> Iterator[tuple[str, ...]]:
        yield "column", "kind", "type", "unit", "unknown", "range or levels"
        for column in self.columns:
            yield (
                column.name or "(no name)",
                column.kind,
                column.dtype,
                column.unit,
                f"{column.missing:.1%}",
                _contents(column),
            )


def _contents(column: ColumnSchema) -> str:
    """Range or levels of a column in a few words."""
    if column.missing == 1:
        return "nothing known"
    if column.kind == "categorical":
        shown = ", ".join(column.levels[:5]) + (", ..." if len(column.levels) > 5 else "")
        return f"{len(column.levels)}: {shown}"
    if column.constant:
        return f"always {column.minimum:g}"
    return f"{column.minimum:g} to {column.maximum:g}"


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def unit_of(name: str) -> str:
    """The unit in a column's name.

    >>> unit_of("petal width (cm)"), unit_of("speed [m/s]"), unit_of("age")
    ('cm', 'm/s', '')
    """
    for opening, closing in ("()", "[]"):
        head, found, tail = name.rstrip().rpartition(opening)
        if found and head.strip() and tail.endswith(closing):
            return tail[:-1].strip()
    return ""


def as_native(name: str) -> Native:
    """``name`` as a Native, for values that come from libraries' own names."""
    return cast(Native, name)
