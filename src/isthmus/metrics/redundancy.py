"""How much two sets of numbers about the same rows say of each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isthmus.errors import DataError

Array = NDArray[np.float64]

#: Directions whose variance is smaller than this share of the largest are no directions.
RANK_TOLERANCE = 1e-10


def mean_canonical_correlation(
    first: ArrayLike, second: ArrayLike, *, held_out: tuple[ArrayLike, ArrayLike], ridge: float = 1e-3
) -> float:
    """The mean of :func:`canonical_correlations`: 0 for independent sets, 1 when each is a linear map of the other.

    Parameters
    ----------
    first, second : (n, a) and (n, b), rows that the directions are found on.
    held_out : (m, a) and (m, b), other rows, on which the correlations are measured. ridge : see there.

    0 where one of the sets is constant.
    """
    found = canonical_correlations(first, second, held_out=held_out, ridge=ridge)
    return float(found.mean()) if len(found) else 0.0


def canonical_correlations(
    first: ArrayLike,
    second: ArrayLike,
    *,
    held_out: tuple[ArrayLike, ArrayLike] | None = None,
    ridge: float = 1e-3,
) -> Array:
    """Correlations of the pairs of directions, one in each set, that are most correlated, strongest first.

    Parameters
    ----------
    first, second : (n, a) and (n, b), two sets of columns about the same rows.
    held_out : (m, a) and (m, b), the same columns of other rows. The directions come from the first rows, the
        correlations from these, so that they are about 0 for independent sets instead of rising with the number of
        columns; they may then be negative, and not quite in order.
    ridge : in [0, inf), share of the mean variance that is added to every variance when directions are sought.

    Returns (k,) where k is the smaller rank of the two sets; constant columns have none.
    Raises DataError for sets of different rows, or of fewer than two.
    References: Hotelling (1936), Biometrika 28; with a ridge, Vinod (1976), J. Econometrics 4.
    """
    one, other = _checked(first, second)
    means = one.mean(axis=0), other.mean(axis=0)
    one, other = one - means[0], other - means[1]
    into = _whitening(one, ridge), _whitening(other, ridge)
    left, _, right = np.linalg.svd((one @ into[0]).T @ (other @ into[1]), full_matrices=False)
    if held_out is not None:
        held = _checked(*held_out)
        one, other = (rows - mean for rows, mean in zip(held, means, strict=True))
    return _correlations(one @ into[0] @ left, other @ into[1] @ right.T)


def hsic(first: ArrayLike, second: ArrayLike) -> float:
    """Dependence of any form between (n, a) and (n, b), in [0, 1]: the Hilbert-Schmidt independence criterion.

    Gaussian kernels as wide as the median distance; the biased estimate, over the geometric mean of each set's with
    itself. Independent sets of n rows give about 1 / sqrt(n), not 0: compare with the rows of one set permuted.
    Time and memory n squared; 0 where a set is constant. Raises DataError as :func:`canonical_correlations`.
    References: Gretton et al. (2005), ALT, definition 2; normalised as in Kornblith et al. (2019), ICML, equation 3.
    """
    kernels = [_centred_kernel(rows) for rows in _checked(first, second)]
    norm = np.sqrt((kernels[0] ** 2).sum() * (kernels[1] ** 2).sum())
    return float((kernels[0] * kernels[1]).sum() / norm) if norm > 0 else 0.0


def _checked(first: ArrayLike, second: ArrayLike) -> tuple[Array, Array]:
    one, other = (np.asarray(rows, dtype=np.float64) for rows in (first, second))
    if one.ndim != 2 or other.ndim != 2 or len(one) != len(other) or len(one) < 2:
        raise DataError(
            f"two sets of columns about the same rows are compared, at least two rows, but these have shapes "
            f"{one.shape} and {other.shape}."
        )
    return one, other


def _whitening(centred: Array, ridge: float) -> Array:
    """(columns, rank) that turns centred rows into uncorrelated numbers of variance 1, a little less with a ridge."""
    variances, directions = np.linalg.eigh(centred.T @ centred / len(centred))
    kept = variances > RANK_TOLERANCE * max(variances.max(initial=0.0), np.finfo(np.float64).tiny)
    raised = variances[kept] + ridge * variances.mean()
    return np.asarray(directions[:, kept] / np.sqrt(raised))


def _correlations(first: Array, second: Array) -> Array:
    """(k,) correlation of each column of one with the same column of the other; 0 for constant columns."""
    first, second = first - first.mean(axis=0), second - second.mean(axis=0)
    scale = np.sqrt((first**2).sum(axis=0) * (second**2).sum(axis=0))
    products = (first * second).sum(axis=0)
    result: Array = np.divide(products, scale, out=np.zeros_like(products), where=scale > 0)
    return result


def _centred_kernel(rows: Array) -> Array:
    squares = (rows**2).sum(axis=1)
    apart = np.maximum(squares[:, None] + squares[None] - 2 * rows @ rows.T, 0.0)
    median = np.median(apart[np.triu_indices(len(rows), 1)])
    kernel = np.exp(-apart / (2 * (median if median > 0 else 1.0)))
    centred = kernel - kernel.mean(axis=0)
    return np.asarray(centred - centred.mean(axis=1, keepdims=True))
