"""How model space is measured in the data's own units."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from isthmus.data.transform import Transform


def event_scale(transform: Transform) -> NDArray[np.float64]:
    """(*event) data units per unit of model space; 1 for the indicators of a categorical column."""
    event, affine = transform.event, transform.affine
    if not event.columns:
        return np.array(np.broadcast_to(affine.scale, event.shape), dtype=np.float64)
    places = [column.start for column in event.columns if column.kind == "numeric"]
    scale = np.ones(event.shape)
    scale[places] = affine.scale
    return scale


def native(values: Any, form: str) -> Any:
    """An Arrow table or array in the form that the caller works with: a pandas or polars frame, a tensor ..."""
    if form == "torch" and isinstance(values, np.ndarray):
        import torch

        return torch.from_numpy(values)
    if not hasattr(values, "to_pandas"):
        return values
    if form == "pandas":
        return values.to_pandas()
    if form == "polars":
        import polars as pl

        return pl.from_arrow(values)
    return values
