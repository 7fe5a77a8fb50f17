"""Shift and scale between data units and model space, with unknown entries taken out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.data.shuffling import spans
from isthmus.errors import SchemaError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from isthmus.data.moments import Moments

CHUNK_BYTES = 4_000_000
"""Float64 bytes that are worked on in one go, so that temporaries stay in the cache."""


@dataclass(eq=False)
class Affine:
    """x = (value - shift) / scale; both float64, of a shape that broadcasts over one row."""

    shift: NDArray[np.float64]
    scale: NDArray[np.float64]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Affine):
            return NotImplemented
        return np.array_equal(self.shift, other.shift) and np.array_equal(self.scale, other.scale)

    __hash__ = None  # type: ignore[assignment]

    @property
    def identity(self) -> bool:
        """True when values are taken as they are."""
        return bool((self.shift == 0).all() and (self.scale == 1).all())

    def forward(
        self, values: NDArray[Any], where: Callable[[tuple[int, ...]], str]
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_] | None]:
        """values (n, *row) -> x of the same shape in float32, fresh memory, and a mask or None when all are known.

        ``where`` says in words where an entry lies, for the SchemaError about infinite and too large values.
        """
        x = np.empty(values.shape, dtype=np.float32)
        with np.errstate(over="ignore", invalid="ignore"):
            self._write(values, x)
            if np.isfinite(x).all():
                return x, None
        unknown = np.isnan(values)
        bad = ~np.isfinite(x) & ~unknown
        if bad.any():
            place = tuple(int(axis[0]) for axis in np.nonzero(bad))
            raise SchemaError(
                f"{where(place)} is {values[place]}, every entry must be a finite float32 number: "
                f"mend it, or make it NaN if it is unknown."
            )
        if not unknown.any():
            return x, None
        x[unknown] = 0.0
        return x, ~unknown

    def _write(self, values: NDArray[Any], x: NDArray[np.float32]) -> None:
        if self.identity:
            x[...] = values
            return
        if values.dtype == np.uint8 and not self.shift.any() and not self.scale.ndim:
            np.divide(values, np.float32(self.scale), out=x)
            return
        if values.dtype == np.float32:
            # The numbers carry an error of 2^-24 of their size already; this adds no more than that again.
            np.subtract(values, self.shift.astype(np.float32), out=x)
            np.divide(x, self.scale.astype(np.float32), out=x)
            return
        row_bytes = max(8 * int(np.prod(values.shape[1:])), 1)
        for start, stop in spans(len(values), max(CHUNK_BYTES // row_bytes, 1)):
            part = values[start:stop] - self.shift
            part /= self.scale
            x[start:stop] = part

    def inverse(self, x: NDArray[Any]) -> NDArray[np.float64]:
        """x (n, *row) -> data units, float64."""
        if self.identity:
            return np.array(x, dtype=np.float64)
        return np.asarray(x, dtype=np.float64) * self.scale + self.shift

    def to_json(self) -> dict[str, Any]:
        """Nested lists of numbers."""
        return {"shift": self.shift.tolist(), "scale": self.scale.tolist()}

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Affine:
        """What ``to_json`` wrote."""
        return cls(
            np.asarray(document["shift"], dtype=np.float64), np.asarray(document["scale"], dtype=np.float64)
        )


def constant(white: float | None) -> Affine:
    """Numbers as they are, or ``white`` to 1."""
    return Affine(np.zeros(()), np.asarray(1.0 if white is None else white, dtype=np.float64))


def of_moments(
    scaling: str, moments: Moments, shape: tuple[int, ...], *, unit: float = 1.0
) -> tuple[Affine, float, float]:
    """Shift and scale of ``standard`` (mean 0, variance 1), ``center`` (mean 0, scaled by ``unit`` only) or
    ``minmax`` ([0, 1]), and the range they give.

    Constant features get scale 1; features of which nothing is known are left as they are. ``shape`` is what
    the features' numbers are reshaped to, so that they broadcast over a row.
    """
    known = moments.count > 0
    low, high = np.where(known, moments.low, 0.0), np.where(known, moments.high, 0.0)
    if scaling in ("standard", "center"):
        shift, scale = np.where(high > low, moments.mean, low), moments.std  # a constant is exactly 0
        if scaling == "center":
            scale = np.full_like(scale, unit)
    else:
        shift, scale = low, np.where(high > low, high - low, 1.0)
    ends = (low - shift) / scale, (high - shift) / scale
    span = (float(ends[0][known].min()), float(ends[1][known].max())) if known.any() else (0.0, 0.0)
    return Affine(shift.reshape(shape), scale.reshape(shape)), *span
