"""Tables to model space: numbers standardised, levels as indicators."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from isthmus.data.affine import constant, of_moments
from isthmus.data.arrays import as_array
from isthmus.data.columns import codes, matrix, type_of
from isthmus.data.frames import as_table, is_frame
from isthmus.data.moments import Moments
from isthmus.data.schema import ColumnSchema
from isthmus.data.source import Source
from isthmus.data.transform import Transform, as_numpy, check_event, row_number, unwrap
from isthmus.data.transform_array import wrong_shape
from isthmus.errors import SchemaError, nearest
from isthmus.types import Column, Event

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray
    from torch import Tensor


class UnseenLevelWarning(UserWarning):
    """New data hold a level, or known values of a column, that the training data did not have."""


class ExtraColumnWarning(UserWarning):
    """New data have columns that the model was not trained on; they are not used."""


@dataclass
class TableTransform(Transform):
    """Columns of numbers, dates and levels. A date is its count of units since the epoch, standardised like a number.

    The affine is over the numeric columns, in order. On the way back a level is the largest of its column's entries;
    integers come back as float64 (a reconstruction is an expectation), dates and booleans as what they were.
    """

    tag: ClassVar[str] = "table"

    @cached_property
    def event(self) -> Event:
        """One place a numeric column, one a level of a categorical column."""
        columns, start = [], 0
        for column in self.schema.columns:
            columns.append(Column(column.name, column.kind, start, column.width))
            start += column.width
        return Event((start,), tuple(columns))

    @cached_property
    def _numeric(self) -> list[ColumnSchema]:
        return [column for column in self.schema.columns if column.kind == "numeric"]

    @cached_property
    def _places(self) -> NDArray[np.int64]:
        """Where the numeric columns lie in model space."""
        return np.array(
            [column.start for column in self.event.columns if column.kind == "numeric"], dtype=np.int64
        )

    @cached_property
    def _never(self) -> NDArray[np.int64]:
        """Which of the numeric columns were never known in training."""
        return np.flatnonzero([column.missing == 1 for column in self._numeric])

    def forward(self, rows: Any) -> tuple[Tensor, Tensor | None]:
        """See :class:`Transform`.

        A level that was not seen in training counts as unknown and one UnseenLevelWarning names column and
        levels; so do values of a column of which training knew nothing. Columns are found by name; those that
        the model does not know are left aside with an ExtraColumnWarning.
        """
        import torch

        values, index, columns = unwrap(rows)
        if columns and len(self._numeric) < len(self.schema.columns):
            values = _framed(values, columns)
        if is_frame(values):
            table = self._checked(as_table(values))
            x, mask = self._numbers(matrix(table, [column.name for column in self._numeric], index), index)
            if len(self._numeric) < len(self.schema.columns):
                x, mask = self._with_levels(table, x, mask)
        else:
            x, mask = self._numbers(self._array(values, columns), index)
        if mask is None and self.masked:
            mask = np.ones(x.shape, dtype=np.bool_)
        return torch.from_numpy(x), None if mask is None else torch.from_numpy(mask)

    def _checked(self, table: pa.Table) -> pa.Table:
        """The table, with all of the model's columns."""
        import pyarrow as pa

        have = set(table.column_names)
        gone = [name for name in self.schema.names if name not in have]
        extra = [name for name in table.column_names if name not in set(self.schema.names)]
        if gone:
            raise _lacking(gone, extra)
        if extra:
            warnings.warn(
                f"the data have column {_named(extra)} that this model was not trained on: not used.",
                ExtraColumnWarning,
                stacklevel=4,
            )
        for column in (self._numeric[place] for place in self._never):
            known = table.column(column.name)
            if known.null_count < len(known):
                _warn_never(column)
                table = table.set_column(
                    table.column_names.index(column.name), column.name, pa.nulls(len(known), pa.float64())
                )
        return table

    def _array(self, values: Any, columns: tuple[str, ...]) -> NDArray[Any]:
        """An array for a table of numbers: by the columns' names where it has some, else by position."""
        array = as_array(values)
        if len(self._numeric) < len(self.schema.columns):
            text = next(column.name for column in self.schema.columns if column.kind == "categorical")
            raise SchemaError(
                f"the data are an array, this model was trained on a table with levels (column {text!r}): "
                f"pass a frame or a table file with the same columns."
            )
        if columns and columns != self.schema.names:
            gone = [name for name in self.schema.names if name not in columns]
            if gone:
                raise _lacking(gone, [name for name in columns if name not in self.schema.names])
            array = array[:, [columns.index(name) for name in self.schema.names]]
        if array.ndim != 2 or array.shape[1] != len(self._numeric):
            raise wrong_shape(array.shape, (len(self._numeric),))
        return array

    def _numbers(self, values: NDArray[Any], index: Any) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """Model space of the numeric columns (n, numeric columns), and its mask."""
        for place in self._never:
            if not np.isnan(values[:, place]).all():
                _warn_never(self._numeric[place])
                values = values.astype(np.float64)
                values[:, place] = np.nan
        return self.affine.forward(
            values,
            lambda place: f"column {self._numeric[place[1]].name!r} in row {row_number(place[0], index)}",
        )

    def _with_levels(
        self, table: pa.Table, numbers: NDArray[Any], known: NDArray[Any] | None
    ) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """The numeric entries and the indicators in their places."""
        x = np.zeros((table.num_rows, *self.event.shape), dtype=np.float32)
        mask = np.ones(x.shape, dtype=np.bool_)
        x[:, self._places] = numbers
        if known is not None:
            mask[:, self._places] = known
        for place, column in zip(self.event.columns, self.schema.columns, strict=True):
            if column.kind == "categorical":
                found, strange = codes(table.column(column.name), column.levels)
                if strange:
                    _warn_unseen(column, strange)
                rows = np.flatnonzero(found >= 0)
                x[rows, place.start + found[rows]] = 1.0
                mask[found < 0, place.entries] = False
        return x, None if mask.all() else mask

    def inverse(self, x: Any) -> pa.Table:
        """See :class:`Transform`."""
        import pyarrow as pa

        array = as_numpy(x)
        check_event(array, self.event.shape)
        numbers = self.affine.inverse(array[:, self._places])
        arrays, numeric = [], 0
        for place, column in zip(self.event.columns, self.schema.columns, strict=True):
            if column.kind == "categorical":
                arrays.append(_levels(array[:, place.entries].argmax(axis=1), column))
            else:
                arrays.append(_column(numbers[:, numeric], column))
                numeric += 1
        return pa.Table.from_arrays(arrays, names=list(self.schema.names))

    def feature_names(self) -> list[str]:
        """A numeric column's name; ``column=level`` for indicators."""
        return [
            name
            for column in self.schema.columns
            for name in ([f"{column.name}={level}" for level in column.levels] or [column.name])
        ]


def _framed(values: NDArray[Any], columns: tuple[str, ...]) -> pa.Table:
    """Named columns of numbers as a table, for a model that has levels: whole numbers as integers, NaN as null."""
    import pyarrow as pa

    arrays = []
    for place in range(len(columns)):
        array = pa.array(values[:, place], from_pandas=True)
        whole = np.isfinite(values[:, place]) & (values[:, place] % 1 == 0)
        arrays.append(array.cast(pa.int64()) if (whole | np.isnan(values[:, place])).all() else array)
    return pa.Table.from_arrays(arrays, names=list(columns))


def _lacking(gone: list[str], extra: list[str]) -> SchemaError:
    near = nearest(gone[0], extra)
    hint = f"did you rename it to {near!r}?" if near else "add it (empty where it is unknown), or fit anew."
    return SchemaError(f"the data lack column {_named(gone)}, which this model was trained on: {hint}")


def _named(names: list[str]) -> str:
    return ", ".join(map(repr, names[:5])) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _warn_never(column: ColumnSchema) -> None:
    warnings.warn(
        f"column {column.name!r} has values, training knew none of it: they count as unknown.",
        UnseenLevelWarning,
        stacklevel=5,
    )


def _warn_unseen(column: ColumnSchema, strange: list[str]) -> None:
    warnings.warn(
        f"column {column.name!r} has levels that training did not see ({_named(strange)}): they count as unknown.",
        UnseenLevelWarning,
        stacklevel=5,
    )


def _levels(found: NDArray[np.int64], column: ColumnSchema) -> Any:
    """Codes as the column's own type."""
    import pyarrow as pa
    import pyarrow.types as kinds

    kind = type_of(column.dtype)
    if kinds.is_dictionary(kind):
        levels = pa.array(column.levels, pa.string()).cast(kind.value_type)
        return pa.DictionaryArray.from_arrays(pa.array(found, pa.int32()), levels)
    return pa.array(column.levels, pa.string()).take(pa.array(found)).cast(kind)


def _column(values: NDArray[np.float64], column: ColumnSchema) -> Any:
    """Numbers as the column's own type; integers and decimals as float64."""
    import pyarrow as pa
    import pyarrow.types as kinds

    kind = type_of(column.dtype)
    if column.missing == 1:
        return pa.nulls(len(values), kind)
    if kinds.is_temporal(kind):
        whole = pa.array(np.rint(values).astype(np.int64))
        return (whole.cast(pa.int32()) if kind.bit_width == 32 else whole).cast(kind)
    return pa.array(values, kind if kinds.is_float32(kind) else pa.float64())


def fit_table(source: Source, scaling: str) -> TableTransform:
    """The transform of a table source; its statistics come from the pass that made the schema."""
    schema = source.schema
    low, high = schema.minimum, schema.maximum
    affine = constant(None)
    if scaling != "none" and low is not None:
        affine, low, high = of_moments(scaling, source.moments() or _streamed(source), (-1,))
    levels = any(column.kind == "categorical" for column in schema.columns)
    lows = [bound for bound in (low, 0.0 if levels else None) if bound is not None]
    highs = [bound for bound in (high, 1.0 if levels else None) if bound is not None]
    return TableTransform(schema, min(lows, default=0.0), max(highs, default=0.0), affine)


def _streamed(source: Source) -> Moments:
    """Moments of a source that has not gathered them with its schema."""
    names = [column.name for column in source.schema.columns if column.kind == "numeric"]
    moments = Moments(len(names))
    for rows in source.blocks(65_536):
        values: Any = rows.values
        if isinstance(values, np.ndarray):
            values = values[:, [rows.columns.index(name) for name in names]]
        else:
            values = matrix(values, names, rows.index)
        moments.update(values)
    return moments
