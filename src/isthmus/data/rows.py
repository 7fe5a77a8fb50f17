"""A run of rows, as sources hand them out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    Values: TypeAlias = "np.ndarray[Any, Any] | csr_array | pa.Table"


@dataclass
class Rows:
    """Some rows of a data set, in data units.

    values : (n, *row) array, CSR array (n, features), or Arrow table of n rows.
    index : (n,) int64, the rows' numbers in the data set, counted from 0.
    labels : (n,) numbers, or None.
    columns : names of an array's columns where the data set is a table, else ().
    """

    values: Values
    index: NDArray[np.int64]
    labels: NDArray[Any] | None = None
    columns: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.index)

    def take(self, order: NDArray[np.int64]) -> Rows:
        """The rows at the positions ``order`` (not row numbers), copied."""
        values: Any = self.values
        if isinstance(values, np.ndarray):
            taken: Any = values.take(order, axis=0)  # a third of the time of values[order]
        else:
            taken = values[order] if hasattr(values, "dtype") else values.take(order)
        labels = None if self.labels is None else self.labels[order]
        return Rows(taken, self.index[order], labels, self.columns)

    def slice(self, start: int, stop: int) -> Rows:
        """Rows start (inclusive) to stop (exclusive) by position; a view where the values allow it."""
        values: Any = self.values
        cut = values[start:stop] if hasattr(values, "dtype") else values.slice(start, max(stop - start, 0))
        labels = None if self.labels is None else self.labels[start:stop]
        return Rows(cut, self.index[start:stop], labels, self.columns)


def concatenate(pieces: Sequence[Rows]) -> Rows:
    """The rows of all pieces, of one kind, one after the other. There must be at least one piece."""
    if len(pieces) == 1:
        return pieces[0]
    first = pieces[0]
    index = np.concatenate([piece.index for piece in pieces])
    known = [piece.labels for piece in pieces if piece.labels is not None]
    labels = np.concatenate(known) if len(known) == len(pieces) else None
    return Rows(_stack([piece.values for piece in pieces]), index, labels, first.columns)


def _stack(values: Sequence[Any]) -> Values:
    if isinstance(values[0], np.ndarray):
        return np.concatenate(values)
    if hasattr(values[0], "dtype"):
        from scipy.sparse import csr_array, vstack

        return csr_array(vstack(values, format="csr"))
    import pyarrow as pa

    return pa.concat_tables(values, promote_options="permissive")
