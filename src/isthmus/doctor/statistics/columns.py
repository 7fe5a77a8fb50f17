"""Columns of rows that need not be measured in one unit: how they spread, and what the others say of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.doctor.statistics.intervals import quotient

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from isthmus.doctor.rows import Rows

    Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Columns:
    """Means and standard deviations (features,) of the known entries of some rows.

    common : (features,) the share of known entries that hold the column's most common value.
    """

    mean: Array
    spread: Array
    common: Array

    @classmethod
    def of(cls, rows: Rows) -> Columns:
        """Of some rows; a column of which nothing is known has mean and spread 0."""
        known = np.ones_like(rows.x, dtype=bool) if rows.known is None else rows.known
        count = np.maximum(known.sum(axis=0), 1)
        mean = (rows.x * known).sum(axis=0, dtype=np.float64) / count
        spread = np.sqrt((((rows.x - mean) * known) ** 2).sum(axis=0) / count)
        spread[spread < 1e-7 * np.abs(mean)] = 0.0  # rounding of a constant
        common = [_common(rows.x[known[:, place], place]) for place in range(rows.x.shape[1])]
        return cls(mean, spread, np.array(common))

    def standard(self, rows: Rows) -> Array:
        """(n, features) rows with columns of mean 0 and spread 1; unknown entries and constant columns are 0."""
        scale = np.where(self.spread > 0, self.spread, np.inf)
        scaled = (rows.x - self.mean) / scale
        return np.asarray(scaled if rows.known is None else scaled * rows.known)


def filled(rows: Rows, mean: Array) -> Array:
    """(n, features) with unknown entries at the columns' means, as learners take them."""
    x = rows.x.astype(np.float64)
    return x if rows.known is None else np.where(rows.known, x, mean)


def with_known(rows: Rows, other: Rows, center: Any) -> NDArray[np.float32]:
    """(n, features + k): unknown entries at ``center`` (features,), and what is known of k columns.

    The k columns are those in which one of the two sets has unknown entries, so that a learner sees what is missing.
    """
    if rows.known is None and other.known is None:
        return rows.x
    known = [np.ones_like(one.x, dtype=bool) if one.known is None else one.known for one in (rows, other)]
    partly = ~(known[0].all(axis=0) & known[1].all(axis=0))
    return np.hstack([np.where(known[0], rows.x, center), known[0][:, partly]]).astype(np.float32)


def errors_from_others(learn: Array, judge: Array) -> Array:
    """(n, features) squared errors of each standardised column of ``judge`` as predicted from all its other columns.

    Regression of every column on the others comes from one inverse covariance, shrunk as far as the rows ask for.
    References: Ledoit and Wolf (2004), J. Multivariate Analysis 88; the regressions: Lauritzen (1996), Graphical
    models, section 5.1.
    """
    from sklearn.covariance import LedoitWolf

    precision = LedoitWolf(assume_centered=True).fit(learn).precision_
    return np.asarray(quotient(judge @ precision, np.diagonal(precision)) ** 2)


def errors_of_pca(learn: Array, judge: Array, size: int) -> Array:
    """(n, features) squared errors of ``judge`` by PCA of ``size`` directions of standardised rows."""
    _, vectors = np.linalg.eigh(learn.T @ learn)
    leading = vectors[:, ::-1][:, :size]
    return np.asarray((judge - judge @ leading @ leading.T) ** 2)


def _common(values: NDArray[Any]) -> float:
    if not len(values):
        return 1.0
    ordered = np.sort(values)
    steps = np.flatnonzero(np.diff(ordered)) + 1
    return float(np.diff(np.concatenate([[0], steps, [len(values)]])).max() / len(values))
