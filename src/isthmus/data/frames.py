"""Frames of any library as Arrow tables, and back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.data.columns import check_names, matrix
from isthmus.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from isthmus.data.schema import Native

_INDEX = re.compile(r"__index_level_\d+__")


def is_frame(data: Any) -> bool:
    """True for Arrow tables and record batches and for every frame that narwhals knows (pandas, polars ...)."""
    if isinstance(data, np.ndarray | list | tuple) or hasattr(data, "detach") or hasattr(data, "tocsr"):
        return False
    import narwhals as nw
    import pyarrow as pa

    if isinstance(data, pa.Table | pa.RecordBatch):
        return True
    if native_of(data) == "pandas":
        return hasattr(data, "columns")
    return isinstance(nw.from_native(data, pass_through=True), nw.DataFrame | nw.LazyFrame)


def native_of(data: Any) -> Native:
    """Which library a frame is of, for the way back; frames of others come back as Arrow tables."""
    library = type(data).__module__.partition(".")[0]
    return "pandas" if library == "pandas" else "polars" if library == "polars" else "arrow"


def as_table(frame: Any, *, name: str = "X") -> pa.Table:
    """A frame as an Arrow table with text for column names; row indices are not data and are left behind.

    Raises DataError, naming the column, for objects that are neither numbers nor text, and for names that
    occur twice.
    """
    import narwhals as nw
    import pyarrow as pa

    if isinstance(frame, pa.RecordBatch):
        table = pa.Table.from_batches([frame])
    elif isinstance(frame, pa.Table):
        table = frame
    elif native_of(frame) == "pandas":
        table = _from_pandas(frame, name)
    else:
        wrapped = nw.from_native(frame)
        if isinstance(wrapped, nw.LazyFrame):
            raise DataError(
                f"{name} is a lazy frame: call collect() first, or write it to Parquet and pass the path."
            )
        table = wrapped.to_arrow()
    table = table.select([column for column in table.column_names if not _INDEX.fullmatch(column)])
    check_names(table.column_names, name)
    return table.replace_schema_metadata(None)


def _from_pandas(frame: Any, name: str) -> pa.Table:
    import pyarrow as pa

    columns = [str(column) for column in frame.columns]
    check_names(columns, name)
    arrays = []
    for place, column in enumerate(columns):
        values = frame.iloc[:, place]
        if getattr(values.dtype, "kind", "") == "c":
            raise DataError(f"Complex data not supported: column {column!r} of {name} holds {values.dtype}.")
        try:
            arrays.append(pa.array(values, from_pandas=True))
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
            raise DataError(
                f"column {column!r} of {name} mixes types or holds objects ({str(error).splitlines()[0]}): "
                f"make it all numbers or all text."
            ) from error
    return pa.Table.from_arrays([_combined(array) for array in arrays], names=columns)


def _combined(array: Any) -> Any:
    return array.combine_chunks() if hasattr(array, "combine_chunks") else array


def numbers_of_frame(frame: Any) -> NDArray[Any]:
    """(n, columns) array of a frame of numbers only. Raises SchemaError naming a column of text."""
    table = as_table(frame)
    return matrix(table, table.column_names)
