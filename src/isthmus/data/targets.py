"""Labels of rows: classes, which become codes 0, 1, ..., or numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from isthmus.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from isthmus.data.source import Source

#: The code of a row without a label.
UNLABELLED = -1


@dataclass(frozen=True)
class Targets:
    """What is known of the rows besides themselves.

    values : (n, ...) int64 codes of classes, ``UNLABELLED`` where there is none; or float32 numbers, NaN where there is
    none. classes : the distinct labels that codes stand for, sorted, None for numbers; :meth:`widened` ones stand last.
    """

    values: Tensor
    classes: NDArray[Any] | None

    def of(self, source: Source, y: Any = None, *, name: str = "y_val", rows: str = "X_val") -> Tensor | None:
        """Labels of other rows in these classes, None where they bring none. Raises DataError for other classes.

        name, rows : what the labels and their rows are called in an error.
        """
        given = _given(source, y, name, rows)
        if given is None:
            return None
        if self.classes is None:
            return _numbers(given, name)
        missing = _missing(given)
        unknown = sorted(set(given[~missing].ravel().tolist()) - set(self.classes.tolist()), key=repr)
        if unknown:
            raise DataError(
                f"{name} holds {unknown[0]!r}, which y does not: use labels of the training classes."
            )
        codes = np.full(given.shape, UNLABELLED)
        sorter = np.argsort(self.classes)
        wanted = given[~missing].astype(self.classes.dtype)
        codes[~missing] = sorter[np.searchsorted(self.classes, wanted, sorter=sorter)]
        return torch.as_tensor(codes)

    def widened(self, source: Source, y: Any = None, *, name: str = "y_val", rows: str = "X_val") -> Targets:
        """The same with the classes that only other rows have behind its own. Raises DataError for another kind.

        name, rows : what the labels and their rows are called in an error.
        """
        given = _given(source, y, name, rows)
        if given is None or self.classes is None:
            return self
        found = given[~_missing(given)].ravel().tolist()
        more = sorted(set(found) - set(self.classes.tolist()), key=repr)
        if not more:
            return self
        kinds = {type(value) for value in (*more, *self.classes.tolist())}
        if len(kinds) > 1:
            raise DataError(
                f"{name} holds {more[0]!r}, which is of another kind than the labels of the training rows: "
                "make all text or all integers."
            )
        return Targets(self.values, np.concatenate([self.classes, np.array(more)]))


def read_targets(source: Source, y: Any = None) -> Targets | None:
    """The labels of a source, or ``y`` in their place: one a row, None for neither.

    Floats are numbers, all else are classes; None, NaN and NA are rows without a label.
    Raises DataError for another number of labels than of rows, and for classes that have no order.
    """
    given = _given(source, y, "y", "X")
    if given is None:
        return None
    if given.dtype.kind == "f":
        return Targets(_numbers(given, "y"), None)
    missing = _missing(given)
    try:
        classes, found = np.unique(given[~missing], return_inverse=True)
    except TypeError:
        kinds = sorted({type(value).__name__ for value in given[~missing].ravel()})
        raise DataError(
            f"y holds labels of different kinds ({', '.join(kinds)}): make them all text or all integers."
        ) from None
    codes = np.full(given.shape, UNLABELLED)
    codes[~missing] = found.ravel()
    return Targets(torch.as_tensor(codes), classes)


def _given(source: Source, y: Any, name: str, of: str) -> NDArray[Any] | None:
    labels = source.labels if y is None else _array(y)
    if labels is not None and len(labels) != source.n_rows:
        raise DataError(
            f"{name} has {len(labels)} labels for {source.n_rows} rows of {of}: pass one label a row."
        )
    return labels


def _array(y: Any) -> NDArray[Any]:
    found = np.asarray(y)
    if found.dtype.kind == "f" and getattr(getattr(y, "dtype", None), "kind", "f") in "iub":
        # Integers of which some are missing, in a frame's own type: NumPy would make numbers of the classes.
        found = np.asarray(y.astype(object))
    return found


def _numbers(given: NDArray[Any], name: str) -> Tensor:
    try:
        return torch.as_tensor(given.astype(np.float32))
    except (TypeError, ValueError):
        first = given.ravel().tolist()[0]
        raise DataError(f"{name} holds {first!r} where y holds numbers: pass numbers.") from None


def _missing(given: NDArray[Any]) -> NDArray[np.bool_]:
    """Where there is no label: None, or a value that is not equal to itself, as NaN and NaT are and NA may be."""
    if given.dtype.kind != "O":
        return np.zeros(given.shape, dtype=bool)
    return np.array([_is_missing(value) for value in given.ravel()], dtype=bool).reshape(given.shape)


def _is_missing(value: Any) -> bool:
    try:
        return value is None or bool(value != value)
    except TypeError:  # pandas' NA is neither equal nor unequal to itself
        return True
