"""Sparse rows to model space: dense blocks with a mask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from isthmus.data.arrays import as_array
from isthmus.data.frames import is_frame, numbers_of_frame
from isthmus.data.sparse import as_csr
from isthmus.data.transform import Transform, as_numpy, check_event, row_number, unwrap
from isthmus.data.transform_array import wrong_shape
from isthmus.errors import SchemaError
from isthmus.types import Event

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor


@dataclass
class SparseTransform(Transform):
    """(n, features) sparse; a block is dense only while it is in model space. Dense rows are wholly known."""

    tag: ClassVar[str] = "sparse"

    def __post_init__(self) -> None:
        self.masked = True

    @property
    def event(self) -> Event:
        """(features,)."""
        return Event(self.schema.shape)

    def forward(self, rows: Any) -> tuple[Tensor, Tensor | None]:
        """See :class:`Transform`."""
        import torch

        values, index, _ = unwrap(rows)
        if not hasattr(values, "tocsr"):
            return self._dense(values, index)
        csr = as_csr(values)
        if csr.shape[1] != self.schema.shape[0]:
            raise wrong_shape(csr.shape, self.schema.shape)
        row = np.repeat(np.arange(csr.shape[0]), np.diff(csr.indptr))
        data = csr.data.astype(np.float64)
        shift = np.broadcast_to(self.affine.shift, self.schema.shape)[csr.indices]
        scale = np.broadcast_to(self.affine.scale, self.schema.shape)[csr.indices]
        known = ~np.isnan(data)
        with np.errstate(over="ignore", invalid="ignore"):
            scaled = ((data - shift) / scale).astype(np.float32)
        bad = np.flatnonzero(~np.isfinite(scaled) & known)
        if bad.size:
            raise self._not_finite(
                row_number(int(row[bad[0]]), index), int(csr.indices[bad[0]]), data[bad[0]]
            )
        x = np.zeros(csr.shape, dtype=np.float32)
        mask = np.zeros(csr.shape, dtype=np.bool_)
        x[row[known], csr.indices[known]] = scaled[known]
        mask[row[known], csr.indices[known]] = True
        return torch.from_numpy(x), torch.from_numpy(mask)

    def _dense(self, values: Any, index: Any) -> tuple[Tensor, Tensor]:
        import torch

        array = numbers_of_frame(values) if is_frame(values) else as_array(values)
        if array.shape[1:] != self.schema.shape:
            raise wrong_shape(array.shape, self.schema.shape)
        x, mask = self.affine.forward(
            array, lambda place: f"row {row_number(place[0], index)}, feature {place[1]},"
        )
        return torch.from_numpy(x), torch.from_numpy(
            np.ones(x.shape, dtype=np.bool_) if mask is None else mask
        )

    def _not_finite(self, row: int, feature: int, value: float) -> SchemaError:
        return SchemaError(
            f"row {row}, feature {feature}, is {value}, every entry must be a finite float32 number: "
            f"mend it, or do not store it if it is unknown."
        )

    def inverse(self, x: Any) -> NDArray[Any]:
        """x (n, features) -> dense array in data units; every entry is the model's guess."""
        array = as_numpy(x)
        check_event(array, self.schema.shape)
        values = self.affine.inverse(array)
        return values if self.schema.dtype == "float64" else values.astype(np.float32)

    def feature_names(self) -> list[str]:
        """``x0``, ``x1``, ..."""
        return [f"x{place}" for place in range(self.schema.shape[0])]
