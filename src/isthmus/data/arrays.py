"""Dense arrays: checked once, read by slices; memory maps included."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.data.moments import Range
from isthmus.data.rows import Rows
from isthmus.data.schema import Native, Schema
from isthmus.data.shuffling import spans
from isthmus.data.source import Source, check_block_rows
from isthmus.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

PROFILE_BYTES = 16_000_000
"""Bytes that statistics look at in one go."""


class EntryTypeError(DataError, TypeError):
    """An entry of an object array is no number at all."""

    code = "data"


def as_array(data: Any, *, name: str = "X") -> NDArray[Any]:
    """``data`` (array, nested list, torch tensor, masked array) as a checked numeric array.

    Objects that are numbers become float64, None and masked entries NaN (unknown). Nothing is copied
    where it need not be. Raises DataError for wrong dimensions, no rows, no features, complex numbers, text.
    """
    if hasattr(data, "detach"):
        data = data.detach().cpu()
        array: NDArray[Any] = (
            data.float() if data.dtype.is_floating_point and data.dtype.itemsize < 4 else data
        ).numpy()
    elif isinstance(data, np.ma.MaskedArray):
        array = np.ma.filled(data.astype(np.float64), np.nan)
    else:
        array = _listed(data, name)
    _check_type(array, name)
    if array.dtype == object:
        array = _numbers(array, name)
    _check_shape(array, name)
    return array


def _listed(data: Any, name: str) -> NDArray[Any]:
    try:
        return np.asarray(data)
    except ValueError as error:
        raise DataError(
            f"the rows of {name} differ in length ({error}): give every row the same number of entries."
        ) from error


def _check_type(array: NDArray[Any], name: str) -> None:
    if array.dtype.kind == "c":
        raise DataError(
            f"Complex data not supported: {name} holds {array.dtype}; pass real and imaginary parts as two columns."
        )
    if array.dtype.names is not None:
        raise DataError(
            f"{name} is a structured array with fields {', '.join(array.dtype.names)}: pass a frame instead."
        )
    if array.dtype.kind in "US":
        raise DataError(
            f"{name} holds text ({array.dtype}), numbers are needed: pass a pandas or polars frame, "
            f"whose text columns are encoded as categories."
        )
    if array.dtype.kind not in "buifO":
        raise DataError(f"{name} holds {array.dtype}, numbers are needed: convert it to numbers first.")


def _numbers(array: NDArray[Any], name: str) -> NDArray[np.float64]:
    """An object array as float64; None becomes NaN."""
    try:
        numbers = np.asarray(np.where(array == None, np.nan, array), dtype=np.float64)  # noqa: E711 (elementwise)
    except (TypeError, ValueError) as error:
        for place, entry in np.ndenumerate(array):
            if entry is not None and not _is_number(entry):
                where = f"entry {entry!r} in row {place[0] if place else 0} of {name}"
                kind = DataError if isinstance(entry, str | complex) else EntryTypeError
                raise kind(f"{where} is no number: {error}.") from error
        raise DataError(f"{name} cannot be read as numbers: {error}.") from error
    return numbers


def _is_number(entry: Any) -> bool:
    try:
        float(entry)
    except (TypeError, ValueError):
        return False
    return True


def _check_shape(array: NDArray[Any], name: str) -> None:
    if array.ndim < 2:
        article = "scalar array" if array.ndim == 0 else "1D array"
        raise DataError(
            f"Expected 2D array, got {article} instead ({name}, shape={array.shape}): Reshape your data either using "
            f"array.reshape(-1, 1) if your data has a single feature or array.reshape(1, -1) "
            f"if it contains a single sample."
        )
    if array.ndim > 4:
        raise DataError(
            f"{name} has {array.ndim} dimensions (shape={array.shape}), at most 4 are understood: rows x features, "
            f"rows x height x width, or rows x height x width x channels."
        )
    if array.shape[0] == 0:
        raise DataError(
            f"Found array with 0 sample(s) (shape={array.shape}) while a minimum of 1 is required: {name} is empty."
        )
    if 0 in array.shape[1:]:
        raise DataError(
            f"Found array with 0 feature(s) (shape={array.shape}) while a minimum of 1 is required: {name} has no "
            f"entries."
        )
    if array.ndim == 4 and array.shape[3] > 4 >= array.shape[1]:
        raise DataError(
            f"{name} of shape {array.shape} looks channels-first, images are rows x height x width x channels here: "
            f"use transpose(0, 2, 3, 1)."
        )


class ArraySource(Source):
    """An array in memory or a memory map of one: (n, features), (n, h, w) or (n, h, w, c).

    labels : (n,) numbers. white : the value of full intensity where it is not the type's own (255 for uint8).
    """

    random_access = True

    def __init__(
        self,
        array: NDArray[Any],
        *,
        name: str = "X",
        native: Native = "numpy",
        labels: NDArray[Any] | None = None,
        label_names: tuple[str, ...] = (),
        white: float | None = None,
    ) -> None:
        self.array = as_array(array, name=name)
        self.name = name
        self.native = native
        self.label_names = label_names
        self._labels = labels
        self.white = white if white is not None else (255.0 if self.array.dtype == np.uint8 else None)
        if labels is not None and len(labels) != len(self.array):
            raise DataError(
                f"{name} has {len(self.array)} rows and {len(labels)} labels: each row needs one."
            )

    @property
    def n_rows(self) -> int:
        """How many rows there are."""
        return int(self.array.shape[0])

    @property
    def labels(self) -> NDArray[Any] | None:
        """(n_rows,) numbers, or None."""
        return self._labels

    @cached_property
    def _range(self) -> Range:
        seen = Range()
        for rows in self.blocks(max(PROFILE_BYTES // self.row_bytes, 1)):
            seen.update(np.asarray(rows.values))
        return seen

    @cached_property
    def schema(self) -> Schema:
        """What the rows are; the array is looked through once for its range and unknown entries."""
        low, high = self._range.low, self._range.high
        known = self._range.missing < self.array.size
        return Schema(
            kind="vector" if self.array.ndim == 2 else "image",
            shape=self.array.shape[1:],
            dtype=self.array.dtype.newbyteorder("=").name,
            native=self.native,
            n_rows=self.n_rows,
            missing=self._range.missing / self.array.size,
            minimum=low if known else None,
            maximum=high if known else None,
            white=self.white,
        )

    @property
    def row_bytes(self) -> int:
        """Bytes of a row."""
        return max(self.array[:1].nbytes, 1)

    def blocks(self, block_rows: int) -> Iterator[Rows]:
        """All rows in order; views of the array."""
        check_block_rows(block_rows)
        for start, stop in spans(self.n_rows, block_rows):
            labels = None if self._labels is None else self._labels[start:stop]
            yield Rows(self.array[start:stop], np.arange(start, stop), labels)

    def take(self, index: NDArray[np.int64]) -> Rows:
        """The rows of the given numbers, copied."""
        labels = None if self._labels is None else self._labels[index]
        return Rows(self.array[index], np.asarray(index, dtype=np.int64), labels)
