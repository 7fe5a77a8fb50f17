"""How many numbers it takes to say where among the data a row is: their intrinsic dimension.

Two estimators that read nothing but distances to nearest neighbours. They are ours because scikit-dimension, which
has many more, is no dependency of isthmus; where it is installed, it is a second opinion.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from sklearn.neighbors import NearestNeighbors

from isthmus.errors import DataError, ParameterError, sentence

Array = NDArray[np.float64]

#: Both sides of a 95 % interval.
_TAILS = (0.025, 0.975)
#: Share of the rows that count as independent; measured on hypercubes and spheres of 1 to 20 dimensions.
_INDEPENDENT = 2 / 3


@dataclass(frozen=True)
class IntrinsicDimension:
    """An estimate of the dimension, infinite where all distances of a row are equal.

    value, low, high : the estimate and the ends of its 95 % interval. The interval says how far other rows of the same
    data would lead elsewhere; it does not hold the bias of the estimator, which is downward in high dimensions.
    rows : distinct rows that it was estimated from. copies : rows left out because they repeat another one.
    """

    value: float
    low: float
    high: float
    rows: int
    copies: int


def two_nearest_neighbors(X: ArrayLike, *, discarded: float = 0.1) -> IntrinsicDimension:
    """The dimension by TwoNN: how much farther the second neighbour is than the first.

    Parameters
    ----------
    X : (n, ...) rows without NaN, flattened; at least 3 distinct ones. discarded : in [0, 1), share of the largest
        ratios of which only the number counts: rows at edges and outliers.

    Where the density is nearly constant up to the second neighbour, the logarithm of the ratio of the two distances is
    exponential with the rate d. Of the largest only the number is read, so the estimate is that of a censored sample of
    an exponential distribution, made unbiased, and its interval that of the gamma distribution.
    It reads the smallest distances, and therefore counts noise as dimensions wherever rows are denser than the noise.
    Too low in high dimensions, because neighbours are then far away and edges near: with 1,000 rows of a hypercube 4.6
    of 5, 8.4 of 10 and 15 of 20.

    References: Facco, d'Errico, Rodriguez and Laio (2017), Scientific Reports 7:12140. Deviation: they draw a line
    through the origin of the log survival function of all but the largest tenth; the likelihood of the same censored
    sample gives the interval as well.
    Raises: DataError for too few distinct rows or NaN, ParameterError for a share that is none.
    """
    if not 0 <= discarded < 1:
        raise ParameterError(sentence("discarded of two_nearest_neighbors", "in [0, 1)", discarded))
    distances, copies = _distances(X, 2)
    logarithms = np.sort(np.log(distances[:, 1] / distances[:, 0]))
    n = len(logarithms)
    counted = max(2, round((1 - discarded) * n))
    total = logarithms[:counted].sum() + (n - counted) * logarithms[counted - 1]
    # 2 d total is chi-squared with 2 counted degrees of freedom (type II censoring).
    low, high = (stats.gamma.ppf(tail, _INDEPENDENT * counted) / _INDEPENDENT for tail in _TAILS)
    value, low, high = (_over(above, total) for above in (counted - 1, low, high))
    return IntrinsicDimension(value, low, high, n, copies)


def maximum_likelihood(X: ArrayLike, *, neighbors: int = 20) -> IntrinsicDimension:
    """The dimension by the likelihood of the distances to a number of neighbours.

    Parameters
    ----------
    X : (n, ...) rows without NaN, flattened. neighbors : at least 2, and fewer than there are distinct rows.

    Each row has the estimate 1 / m with m the mean logarithm of how much farther the last neighbour is than the ones
    before it; what is averaged over rows are the m, of which each is unbiased for 1 / d. Reads a larger neighbourhood
    than :func:`two_nearest_neighbors`: less noise, more curvature, and more bias downward in high dimensions (with
    1,000 rows of a hypercube 4.4 of 5, 7.9 of 10 and 14 of 20).

    The interval is that of the mean of the m. Rows share their neighbours, so it is computed as if a row in
    ``neighbors`` / 8 were independent: on hypercubes and spheres that covers the estimator's mean as it should.

    References: Levina and Bickel (2005), NIPS 17, equation 8; averages of the inverses: MacKay and Ghahramani (2005),
    "Comments on 'Maximum likelihood estimation of intrinsic dimension' by E. Levina and P. Bickel".
    Raises: DataError for too few distinct rows or NaN, ParameterError for fewer than 2 neighbours.
    """
    if neighbors < 2:
        raise ParameterError(sentence("neighbors of maximum_likelihood", "at least 2", neighbors))
    distances, copies = _distances(X, neighbors)
    inverses = np.log(distances[:, -1:] / distances[:, :-1]).mean(axis=1)
    n, mean = len(inverses), float(inverses.mean())
    independent = n / max(1.0, neighbors / 8)
    error = 1.96 * float(inverses.std()) / np.sqrt(independent)
    value, low = _over(1.0, mean), _over(1.0, mean + error)
    return IntrinsicDimension(value, low, _over(1.0, max(mean - error, 0.0)), n, copies)


def _distances(X: ArrayLike, count: int) -> tuple[Array, int]:
    """(n, count) distances of every distinct row to its nearest others, nearest first; and the number of copies."""
    rows = np.asarray(X, dtype=np.float64)
    rows = rows.reshape(len(rows), -1)
    if not np.isfinite(rows).all():
        raise DataError("the dimension of X needs rows without NaN and infinity: leave out what is unknown.")
    distinct = np.unique(rows, axis=0)
    if len(distinct) <= count:
        raise DataError(
            f"the dimension of X is read from {count} neighbours of every row, but only {len(distinct)} of its "
            f"{len(rows)} rows differ: give more rows."
        )
    # Distances do not depend on the origin, but their rounding does.
    centered = distinct - distinct.mean(axis=0)
    found, _ = NearestNeighbors(n_neighbors=count).fit(centered).kneighbors()
    # Rows that differ by less than rounding are at distance 0; the smallest number stands for it.
    return np.maximum(found, np.finfo(np.float64).tiny), len(rows) - len(distinct)


def _over(above: float, below: float) -> float:
    return float(above / below) if below > 0 else float("inf")
