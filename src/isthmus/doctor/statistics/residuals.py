"""What residuals still hold: directions that explain them on other rows, and a dimension of their own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from isthmus.doctor.statistics.dimension import FEWEST, NEIGHBORS, ROWS
from isthmus.doctor.statistics.intervals import Interval, of_sums, quotient
from isthmus.metrics.intrinsic_dimension import maximum_likelihood

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from isthmus.doctor.patient import Patient
    from isthmus.doctor.rows import Rows
    from isthmus.metrics.intrinsic_dimension import IntrinsicDimension

    Array = NDArray[np.float64]

#: Directions that are looked at, at least, for the picture.
SHOWN = 20
#: Share of their dimensions that residuals with structure surely lack: heavy-tailed noise in any frame comes to 0.02.
FEWER = 0.03


@dataclass(frozen=True)
class Structure:
    """What principal directions of training residuals explain of held-out ones, as shares of the data's variance.

    saved, first : of all directions asked for and of the first alone. null_saved : of shuffled residuals.
    structured : saved beyond the null, as a share of what the null leaves. unexplained : all of the residuals.
    each, null_each : (directions,) one by one. n : rows judged.
    """

    saved: Interval
    first: Interval
    null_saved: float
    structured: Interval
    unexplained: float
    each: Array
    null_each: Array
    n: int


def residual_structure(patient: Patient, count: int, generator: np.random.Generator) -> Structure:
    """The :class:`Structure` of a patient's residuals along ``count`` directions."""
    fitted, judged, scale = _residuals(patient)
    center = fitted.mean(axis=0)
    # A constant shift of the residuals costs no direction, so it is taken away from all rows.
    fitted, judged = fitted - center, judged - center
    shuffled = [generator.permuted(values.T, axis=1).T for values in (fitted, judged)]
    shown = min(max(count, SHOWN), *fitted.shape)
    along = _squares_along(fitted, judged, shown)
    null = _squares_along(shuffled[0], shuffled[1], shown)
    total = (judged**2).sum(axis=1)
    taken = along[:, :count].sum(axis=1)
    by_chance = null[:, :count].sum(axis=1)
    # Of few columns any directions hold much, so that there is less room above the null.
    sums = np.stack([taken, along[:, :1].sum(axis=1), taken - by_chance, total - by_chance, scale], axis=1)
    saved, first, structured = (
        of_sums(sums, partial(_share, place=place, of=of), generator)
        for place, of in ((0, 4), (1, 4), (2, 3))
    )
    variance = max(float(scale.sum()), 1e-300)
    return Structure(
        saved,
        first,
        float(null[:, :count].sum()) / variance,
        structured,
        float(total.sum()) / variance,
        along.sum(axis=0) / variance,
        null.sum(axis=0) / variance,
        len(judged),
    )


@dataclass(frozen=True)
class Bent:
    """The dimension of residuals, and the lower of those of rows that have as much spread and no structure."""

    found: IntrinsicDimension
    null: IntrinsicDimension

    @property
    def surely(self) -> bool:
        """Whether the residuals surely have fewer dimensions, so that they are no noise."""
        return self.found.high < (1 - FEWER) * self.null.low


def residual_dimension(patient: Patient, generator: np.random.Generator) -> Bent | None:
    """Of rows without unknown entries, training and held-out ones; None where fewer than :data:`FEWEST` differ.

    Noise may have independent columns, or independent coordinates in some other frame; shuffling one by one leaves
    the dimension of the former alone, shuffling principal coordinates that of the latter.
    """
    parts = [(patient.test, patient.reconstruction)]
    if patient.held_out:
        parts.append((patient.train, patient.train_reconstruction))
    residuals = np.concatenate([_complete_differences(*part) for part in parts])
    if len(np.unique(residuals, axis=0)) < FEWEST:
        return None
    coordinates = residuals @ np.linalg.svd(residuals, full_matrices=False)[2].T
    shuffled = (generator.permuted(values.T, axis=1).T for values in (residuals, coordinates))
    found, *nulls = (maximum_likelihood(rows, neighbors=NEIGHBORS) for rows in (residuals, *shuffled))
    return Bent(found, min(nulls, key=lambda null: null.low))


def _complete_differences(rows: Rows, reconstruction: NDArray[np.float32]) -> Array:
    """(at most ROWS, features) centered residuals of rows of which every entry is known."""
    found = _differences(rows, reconstruction)
    if rows.known is not None:
        found = found[rows.known[:ROWS].all(axis=1)]
    return found - found.mean(axis=0) if len(found) else found


def _share(sums: Array, *, place: int, of: int) -> Array:
    """One sum over another; 0 where there is nothing to share."""
    return np.nan_to_num(quotient(sums[..., place], sums[..., of]))


def _residuals(patient: Patient) -> tuple[Array, Array, Array]:
    """Residuals to find directions on, others to judge them by, and the squares (n,) of the mean predictor there."""
    residuals = _differences(patient.test, patient.reconstruction)
    mean_squares = patient.mean_squares[:ROWS].sum(axis=1)
    if not patient.held_out:
        half = len(residuals) // 2
        return residuals[:half], residuals[half:], mean_squares[half:]
    return _differences(patient.train, patient.train_reconstruction), residuals, mean_squares


def _differences(rows: Rows, reconstruction: NDArray[np.float32]) -> Array:
    """(at most ROWS, features) residuals, 0 where an entry is not known."""
    found = rows.x[:ROWS].astype(np.float64) - reconstruction[:ROWS]
    return found if rows.known is None else found * rows.known[:ROWS]


def _squares_along(fitted: Array, judged: Array, count: int) -> Array:
    """(n, count) squared coordinates of ``judged`` along the principal directions of ``fitted``."""
    from sklearn.utils.extmath import randomized_svd

    if min(fitted.shape) <= 4 * count:
        directions = np.linalg.svd(fitted, full_matrices=False)[2][:count]
    else:
        directions = randomized_svd(fitted, count, random_state=0)[2]
    return np.asarray((judged @ directions.T) ** 2)
