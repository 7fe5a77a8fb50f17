"""Penalties that read labels, and on which units of the code they act."""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, ClassVar

from isthmus.errors import ParameterError
from isthmus.penalties.penalty import Penalty
from isthmus.spec import In

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from isthmus.types import Forward


@dataclass
class LabelledPenalty(Penalty, ABC):
    """A penalty on the code, or on some of its units, that asks for labels.

    Parameters
    ----------
    weight : in [0, inf), nats per unit of the penalty.
    units : (start, stop), the units of the code that it sees; None means all of them.

    A row whose label is a negative class code or NaN is unlabelled: it contributes nothing.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"labels"})

    units: tuple[Annotated[int, In("[0, inf)")], Annotated[int, In("[1, inf)")]] | None = field(
        default=None, kw_only=True
    )

    def conflicts(self) -> Iterator[str]:
        if self.units is not None and self.units[0] >= self.units[1]:
            yield f"units of {type(self).__name__} must be (start, stop) with start < stop, got {self.units}."

    def width(self, code_size: int) -> int:
        """How many units of a code of ``code_size`` it sees. Raises ParameterError where there are not so many."""
        if self.units is None:
            return code_size
        if self.units[1] > code_size:
            raise ParameterError(
                f"units of {type(self).__name__} are {tuple(self.units)}, but the code has {code_size} units: "
                f"use a stop of at most {code_size}."
            )
        return self.units[1] - self.units[0]

    def seen(self, z: Tensor) -> Tensor:
        """z (batch, code) -> the units that it sees (batch, width)."""
        return z if self.units is None else z[:, self.units[0] : self.units[1]]

    def labels(self, forward: Forward) -> tuple[Tensor, Tensor]:
        """(batch,) labels, and (batch,) True where a row has one. Raises ParameterError for several labels a row."""
        labels = forward.labels
        if labels is None or labels.ndim != 1:
            shape = None if labels is None else tuple(labels.shape)
            raise ParameterError(
                f"{type(self).__name__} needs one label a row, but the labels of this batch have shape {shape}: "
                f"pass y of shape (n,)."
            )
        return labels, ~labels.isnan() if labels.is_floating_point() else labels >= 0
