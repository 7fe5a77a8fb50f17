"""Dense arrays and images to model space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from isthmus.data.arrays import as_array
from isthmus.data.frames import is_frame, numbers_of_frame
from isthmus.data.transform import Transform, as_numpy, check_event, row_number, unwrap
from isthmus.errors import SchemaError
from isthmus.types import Event

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor


@dataclass
class ArrayTransform(Transform):
    """(n, features) and images (n, h, w[, c]); images become (n, c, h, w).

    uint8 stays uint8 on the way back: rounded, and kept in [0, white]. Float64 comes back as float64, every
    other type as float32: a reconstruction of integers is an expectation, which is no integer.
    """

    tag: ClassVar[str] = "array"

    @property
    def event(self) -> Event:
        """(features,) or (channels, height, width)."""
        shape = self.schema.shape
        if self.schema.kind == "vector":
            return Event(shape)
        return Event((shape[2] if len(shape) == 3 else 1, shape[0], shape[1]))

    def forward(self, rows: Any) -> tuple[Tensor, Tensor | None]:
        """See :class:`Transform`."""
        import torch

        values, index, _ = unwrap(rows)
        array = self._checked(values, index)
        x, mask = self.affine.forward(array, lambda place: self._where(place, index))
        if mask is None and self.masked:
            mask = np.ones(x.shape, dtype=np.bool_)
        return torch.from_numpy(x), None if mask is None else torch.from_numpy(mask)

    def _checked(self, values: Any, index: Any) -> NDArray[Any]:
        """The values as (n, *event), checked against the schema."""
        array = as_model_array(values)
        shape = self.schema.shape
        if self.schema.kind == "vector":
            if array.ndim != 2 or array.shape[1] != shape[0]:
                raise wrong_shape(array.shape, shape)
            laid_out = array
        else:
            channels, height, width = self.event.shape
            if (
                array.shape[1:] != shape
                and array.shape[1:] != (height, width, channels)[: 2 if channels == 1 else 3]
            ):
                raise wrong_shape(array.shape, shape)
            laid_out = np.moveaxis(array.reshape(-1, height, width, channels), 3, 1)
        if self.schema.dtype == "uint8" and self.schema.white is not None:
            self._check_white(laid_out, index)
        return laid_out

    def _check_white(self, array: NDArray[Any], index: Any) -> None:
        """Data for a model of uint8 must be in [0, white], and not in [0, 1] by mistake."""
        white = float(self.schema.white or 0.0)
        if (array.dtype in (np.uint8, np.bool_) and white >= 255) or not array.size:
            return
        with np.errstate(invalid="ignore"):
            outside = (array < 0) | (array > white)
        if outside.any():
            place = tuple(int(axis[0]) for axis in np.nonzero(outside))
            raise SchemaError(
                f"{self._where(place, index)} is {array[place]}, this model was trained on uint8 in "
                f"[0, {white:g}]: pass data in that unit."
            )
        if (
            array.dtype.kind == "f"
            and white > 1
            and 0 < np.nanmax(array, initial=0.0) <= 1
            and (array % 1 > 0).any()
        ):
            raise SchemaError(
                f"the values are fractions in [0, 1], this model was trained on uint8 in [0, {white:g}]: "
                f"multiply by {white:g}."
            )

    def _where(self, place: tuple[int, ...], index: Any) -> str:
        inside = f"feature {place[1]}" if len(place) == 2 else "channel {}, y {}, x {}".format(*place[1:])
        return f"row {row_number(place[0], index)}, {inside},"

    def inverse(self, x: Any) -> NDArray[Any]:
        """See :class:`Transform`."""
        array = as_numpy(x)
        check_event(array, self.event.shape)
        values = self.affine.inverse(array)
        if self.schema.kind == "image":
            values = np.moveaxis(values, 1, 3).reshape(len(values), *self.schema.shape)
        if self.schema.dtype == "uint8":
            return np.clip(np.rint(values), 0, self.schema.white or 255).astype(np.uint8)
        return values if self.schema.dtype == "float64" else values.astype(np.float32)

    def feature_names(self) -> list[str]:
        """``x0`` ... for vectors, ``y0x0`` ... for grey images, ``c0y0x0`` ... for others."""
        if self.schema.kind == "vector":
            return [f"x{place}" for place in range(self.schema.shape[0])]
        channels, height, width = self.event.shape
        return [
            (f"c{channel}" if channels > 1 else "") + f"y{row}x{column}"
            for channel in range(channels)
            for row in range(height)
            for column in range(width)
        ]


def as_model_array(values: Any) -> NDArray[Any]:
    """Values for a model of arrays: arrays as they are, frames of numbers as arrays; sparse ones are refused."""
    if hasattr(values, "tocsr"):
        raise SchemaError(
            "the values are sparse, this model was trained on dense data: absent entries would count as unknown; "
            "pass X.toarray() if they are zeros."
        )
    if is_frame(values):
        return numbers_of_frame(values)
    return as_array(values)


def wrong_shape(got: tuple[int, ...], trained: tuple[int, ...]) -> SchemaError:
    """The error about rows of another shape, in scikit-learn's words where rows are vectors."""
    if len(got) == 2 and len(trained) == 1:
        return SchemaError(
            f"X has {got[1]} features, but Autoencoder is expecting {trained[0]} features as input: "
            f"pass data of the shape it was trained on, or fit anew."
        )
    return SchemaError(
        f"X has rows of shape {got[1:]}, this model was fitted on rows of shape {trained}: "
        f"pass data of the shape it was trained on, or fit anew."
    )
