"""Columns of Arrow tables as numbers, or as codes of their levels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.errors import DataError, SchemaError

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from isthmus.types import Kind

_CATEGORY = "category of "


def check_names(names: Sequence[str], owner: str) -> None:
    """Raise DataError where a name occurs twice or there is none."""
    if not names:
        raise DataError(
            f"0 feature(s) (shape=(n, 0)) while a minimum of 1 is required: {owner} has no columns."
        )
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(f"{owner} has more than one column {twice[0]!r}: give every column its own name.")


def kind_of(name: str, kind: pa.DataType, owner: str) -> Kind:
    """Numeric (numbers, dates, times, nothing known) or categorical (text, booleans, dictionaries).

    Dates and times are numbers: their count of units since the epoch. Raises DataError for nested and raw columns.
    """
    import pyarrow.types as kinds

    if kinds.is_dictionary(kind):
        kind_of(name, kind.value_type, owner)
        return "categorical"
    if is_text(kind) or kinds.is_boolean(kind):
        return "categorical"
    if any(test(kind) for test in (kinds.is_integer, kinds.is_floating, kinds.is_decimal, kinds.is_null)):
        return "numeric"
    if kinds.is_temporal(kind) and not kinds.is_interval(kind):
        return "numeric"
    hint = (
        "is its text UTF-8?"
        if kinds.is_binary(kind)
        else "spread it over columns of numbers, or leave it out."
    )
    raise DataError(
        f"column {name!r} of {owner} holds {kind}, numbers, text, booleans or dates are needed: {hint}"
    )


def is_text(kind: pa.DataType) -> bool:
    """True for the string types."""
    import pyarrow.types as kinds

    return bool(kinds.is_string(kind) or kinds.is_large_string(kind) or kinds.is_string_view(kind))


def dtype_of(kind: pa.DataType) -> str:
    """The type's name as schemas keep it.

    >>> import pyarrow as pa
    >>> dtype_of(pa.dictionary(pa.int32(), pa.string())), dtype_of(pa.float64())
    ('category of string', 'double')
    """
    import pyarrow.types as kinds

    return f"{_CATEGORY}{kind.value_type}" if kinds.is_dictionary(kind) else str(kind)


def type_of(dtype: str) -> pa.DataType:
    """The Arrow type of a schema's dtype; types with parameters that Arrow cannot name become float64."""
    import pyarrow as pa

    if dtype.startswith(_CATEGORY):
        return pa.dictionary(pa.int32(), type_of(dtype.removeprefix(_CATEGORY)))
    head, _, zone = dtype.partition(", tz=")
    if zone:
        return pa.timestamp(head.removeprefix("timestamp["), zone.removesuffix("]"))
    special = {"date32[day]": pa.date32(), "date64[ms]": pa.date64(), "string_view": pa.string()}
    try:
        return special[dtype] if dtype in special else pa.type_for_alias(dtype)
    except ValueError:
        return pa.float64()


def numbers(column: Any, *, name: str, first_row: int | NDArray[np.int64] = 0) -> NDArray[Any]:
    """A column as (n,) numbers; null becomes NaN. Raises SchemaError for text, naming its row."""
    import pyarrow as pa
    import pyarrow.types as kinds

    kind = column.type
    if kinds.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    if kinds.is_null(kind) or column.null_count == len(column):
        return np.full(len(column), np.nan)
    if is_text(kind):
        raise _text_for_numbers(column, name, first_row)
    if kinds.is_boolean(kind):
        column = column.cast(pa.uint8())
    elif kinds.is_decimal(kind):
        column = column.cast(pa.float64())
    elif kinds.is_temporal(kind):
        column = column.cast(pa.int32() if kind.bit_width == 32 else pa.int64())
    elif not (kinds.is_integer(kind) or kinds.is_floating(kind)):
        raise SchemaError(f"column {name!r} holds {kind}, this model was trained on numbers there.")
    if column.null_count:
        # Beyond 2^53 a float64 does not hold every integer: rounding is what the model would do too.
        column = column if kinds.is_floating(column.type) else column.cast(pa.float64(), safe=False)
        column = column.fill_null(float("nan"))
    return _flat(column)


def _flat(column: Any) -> NDArray[Any]:
    """A column of numbers without nulls as an array, a view where it has one chunk.

    Arrow's own ``to_numpy`` imports pandas, which takes half a second and 60 MB.
    """
    chunks = column.chunks if hasattr(column, "chunks") else [column]
    arrays = [
        np.frombuffer(chunk.buffers()[1], dtype=chunk.type.to_pandas_dtype())[
            chunk.offset : chunk.offset + len(chunk)
        ]
        for chunk in chunks
        if len(chunk)
    ]
    if len(arrays) == 1:
        return arrays[0]
    return np.concatenate(arrays) if arrays else np.empty(0, dtype=np.float32)


def _text_for_numbers(column: Any, name: str, first_row: int | NDArray[np.int64]) -> SchemaError:
    row, text = first_text(column)
    number = row + first_row if isinstance(first_row, int) else int(first_row[row])
    return SchemaError(
        f"column {name!r} holds text ({text!r} in row {number}), this model was trained on numbers there: "
        f"mend the entry, or leave it empty if it is unknown."
    )


def first_text(column: Any) -> tuple[int, str]:
    """Position and content of the first entry of a text column that is no number (of the first entry if all are)."""
    texts = column.to_pylist()
    places = [place for place, text in enumerate(texts) if text is not None]
    odd = next((place for place in places if not looks_numeric(texts[place])), places[0] if places else 0)
    return odd, str(texts[odd]) if texts else ""


def looks_numeric(text: str) -> bool:
    """Whether a text reads as a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def matrix(table: Any, names: Sequence[str], first_row: int | NDArray[np.int64] = 0) -> NDArray[Any]:
    """Columns of numbers as one row-major (n, columns) array; null becomes NaN.

    float32 where every column is a float of at most 32 bits or an integer of at most 16, else float64.
    """
    columns = [numbers(table.column(name), name=name, first_row=first_row) for name in names]
    narrow = all(
        (column.dtype.kind == "f" and column.dtype.itemsize <= 4) or column.dtype.itemsize <= 2
        for column in columns
    )
    values = np.empty((table.num_rows, len(names)), dtype=np.float32 if narrow else np.float64)
    # Blocks of rows keep the destination in the cache while the columns stream past.
    for start in range(0, len(values), 4096):
        part = values[start : start + 4096]
        for place, column in enumerate(columns):
            part[:, place] = column[start : start + 4096]
    return values


def texts(column: Any) -> pa.DictionaryArray:
    """A column of any simple type as a dictionary of text, nulls kept."""
    import pyarrow as pa
    import pyarrow.types as kinds

    if isinstance(column, pa.ChunkedArray):
        column = column.unify_dictionaries() if kinds.is_dictionary(column.type) else column
        column = column.combine_chunks()
        if isinstance(column, pa.ChunkedArray):
            column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], pa.string())
    if not kinds.is_dictionary(column.type):
        column = column.cast(pa.string()).dictionary_encode()
    if not kinds.is_string(column.dictionary.type):
        column = pa.DictionaryArray.from_arrays(column.indices, column.dictionary.cast(pa.string()))
    return column


def codes(column: Any, levels: Sequence[str]) -> tuple[NDArray[np.int64], list[str]]:
    """(n,) codes of a column's entries among ``levels``, -1 = unknown, -2 = a level not among them; those levels."""
    encoded = texts(column)
    place = {level: code for code, level in enumerate(levels)}
    known = [place.get(level, -2) if level is not None else -1 for level in encoded.dictionary.to_pylist()]
    table = np.asarray([*known, -1], dtype=np.int64)
    indices = _flat(encoded.indices.cast("int64").fill_null(len(known)))
    found = table[indices]
    strange = sorted({str(encoded.dictionary[int(index)]) for index in np.unique(indices[found == -2])})
    return found, strange
