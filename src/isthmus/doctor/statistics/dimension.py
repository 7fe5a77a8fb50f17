"""How many dimensions the training rows seem to have, and how many units a code of theirs needs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from isthmus.metrics.intrinsic_dimension import IntrinsicDimension, maximum_likelihood, two_nearest_neighbors

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from isthmus.doctor.patient import Patient

#: Rows that the dimension is estimated from, the fewest that it can be, and neighbours of the second estimate.
ROWS, FEWEST, NEIGHBORS = 2_000, 100, 20
#: How far a code has to be from the estimates: neither is better than that.
CLEARLY = 1.5


@dataclass(frozen=True)
class Dimension:
    """Two estimates of the dimension of the training rows.

    nearest, wider : by two and by :data:`NEIGHBORS` nearest neighbours. features : of a row, the most that it can be.
    """

    nearest: IntrinsicDimension
    wider: IntrinsicDimension
    features: int

    @classmethod
    def of(cls, patient: Patient) -> Dimension:
        """Of the training rows without unknown entries, of which :data:`FEWEST` should differ."""
        rows = _complete(patient)
        return cls(
            two_nearest_neighbors(rows), maximum_likelihood(rows, neighbors=NEIGHBORS), patient.features
        )

    @property
    def low(self) -> float:
        """The lower of the two lower ends."""
        return min(self.nearest.low, self.wider.low)

    @property
    def value(self) -> float | None:
        """One guess: one of them counts noise, the other leaves out more of a high dimension. None where both fail."""
        finite = [one.value for one in (self.nearest, self.wider) if math.isfinite(one.value)]
        return min(float(np.mean(finite)), self.features) if finite else None

    @property
    def ample(self) -> int | None:
        """Units of a code with room to spare: estimates are low, and curved data seldom lie flat in their dimension.

        None where that is as much as the rows have features.
        """
        if self.value is None:
            return None
        units = math.ceil(CLEARLY * self.value)
        return units if units < self.features else None


def ample_units(patient: Patient) -> int | None:
    """Units of a code that has room for the training rows; None where there is no telling."""
    return Dimension.of(patient).ample if distinct(patient) >= FEWEST else None


def distinct(patient: Patient) -> int:
    """How many of the rows that the dimension is read from differ."""
    return len(np.unique(_complete(patient), axis=0))


def _complete(patient: Patient) -> NDArray[np.float32]:
    """(at most ROWS, features) training rows of which every entry is known."""
    train = patient.train
    return (train.x if train.known is None else train.x[train.known.all(axis=1)])[:ROWS]
