"""The protocol of fitted transforms: data units to model space and back, with the schema enforced."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from isthmus.data.affine import Affine
from isthmus.data.rows import Rows
from isthmus.data.schema import Schema
from isthmus.errors import SchemaError

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray
    from torch import Tensor

    from isthmus.types import Event


@dataclass
class Transform(ABC):
    """How data of one schema become tensors, fitted on training data.

    schema : of the training data; every later block is checked against it.
    masked : the training data had unknown entries, so :meth:`forward` always gives a mask.
    low, high : range of model space over the known training entries.
    affine : shift and scale of the numbers. tag : the class's name in JSON.
    """

    tag: ClassVar[str] = ""
    schema: Schema
    masked: bool = field(init=False)
    low: float
    high: float
    affine: Affine

    def __post_init__(self) -> None:
        self.masked = self.schema.missing > 0

    @property
    @abstractmethod
    def event(self) -> Event:
        """One sample in model space."""

    @abstractmethod
    def forward(self, rows: Any) -> tuple[Tensor, Tensor | None]:
        """Rows, or bare values of any kind that ``open_source`` takes -> x (n, *event) float32, mask or None.

        x never shares memory with the values; unknown entries are 0. The mask is bool, True = known; None
        says that all are known, which happens only where the training data had no unknown entries.
        Raises SchemaError, naming row and column, for whatever does not fit the training data.
        """

    @abstractmethod
    def inverse(self, x: Any) -> NDArray[Any] | pa.Table:
        """x (n, *event), tensor or array -> values in data units, in the training data's shape."""

    @abstractmethod
    def feature_names(self) -> list[str]:
        """A name for each number of an event, in the order of ``x.flatten(1)``."""

    def to_json(self) -> dict[str, Any]:
        """JSON-ready form, read back by ``transform_from_json``."""
        return {
            "type": self.tag,
            "schema": self.schema.to_json(),
            "low": self.low,
            "high": self.high,
            "affine": self.affine.to_json(),
        }

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Self:
        """What ``to_json`` of this class wrote."""
        affine = Affine.from_json(document["affine"])
        return cls(Schema.from_json(document["schema"]), document["low"], document["high"], affine)


def unwrap(rows: Any) -> tuple[Any, int | NDArray[np.int64], tuple[str, ...]]:
    """(values, row numbers or the first of them, names of an array's columns)."""
    if isinstance(rows, Rows):
        return rows.values, rows.index, rows.columns
    return rows, 0, ()


def row_number(position: int, index: int | NDArray[np.int64]) -> int:
    """The number in the data set of the row at ``position`` of a block."""
    return position + index if isinstance(index, int) else int(index[position])


def as_numpy(x: Any) -> NDArray[Any]:
    """A tensor or array as an array on the host, float32 where it was narrower."""
    if hasattr(x, "detach"):
        x = x.detach().cpu()
        return np.asarray((x.float() if x.dtype.itemsize < 4 else x).numpy())
    return np.asarray(x)


def check_event(x: NDArray[Any], shape: tuple[int, ...]) -> None:
    """Raise SchemaError unless x is (n, *shape)."""
    if x.shape[1:] != shape:
        raise SchemaError(
            f"a reconstruction has shape {x.shape[1:]} a sample, this model's is {shape}: "
            f"pass what the decoder gave, in model space."
        )
