"""Batches as plain two-dimensional numpy rows: what every meter reads first."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from isthmus.errors import DataError

Floats = npt.NDArray[np.float32] | npt.NDArray[np.float64]
Known = npt.NDArray[np.bool_]


def as_rows(x: Any, *, size: int, what: str = "x") -> Floats:
    """x (batch, *event), numpy or torch on any device -> (batch, size), float64 kept, all else float32.

    Shares memory with ``x`` where it can. Raises DataError when a sample does not have ``size`` numbers.
    """
    values = _numpy(x)
    if values.ndim == 0 or values.size != len(values) * size:
        raise DataError(
            f"{what} has shape {tuple(values.shape)}, the meter was made for samples of {size} numbers: "
            "pass (batch, *event) as the model sees it."
        )
    rows = values.reshape(len(values), size)
    return rows if rows.dtype == np.float64 else rows.astype(np.float32, copy=False)


def as_known(mask: Any, *, size: int) -> Known | None:
    """mask (batch, *event) -> (batch, size) bool, True = known; None when every entry is known."""
    if mask is None:
        return None
    values = _numpy(mask)
    if values.size != len(values) * size:
        raise DataError(
            f"mask has shape {tuple(values.shape)}, samples have {size} numbers: give it the shape of x."
        )
    known = values.reshape(len(values), size).astype(np.bool_, copy=False)
    return None if known.all() else known


def check_pair(x: Floats, other: Floats | Known | None, *, what: str) -> None:
    """Raise DataError unless ``other`` has as many rows as ``x``."""
    if other is not None and len(other) != len(x):
        raise DataError(f"{what} has {len(other)} rows, x has {len(x)}: pass both of the same batch.")


def _numpy(x: Any) -> npt.NDArray[Any]:
    """A numpy view of an array or tensor; bfloat16 and half precision become float32 first."""
    if hasattr(x, "detach"):
        tensor = x.detach().cpu()
        if tensor.is_floating_point() and tensor.element_size() < 4:
            tensor = tensor.float()
        x = tensor.numpy()
    return np.asarray(x)
