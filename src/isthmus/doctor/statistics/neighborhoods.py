"""Which rows are near which: in the data, and in codes that should keep it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


def distances(x: Any, known: Any = None) -> Array:
    """(n, features) and a mask alike -> (n, n) distances over entries known in both rows, scaled up to all entries.

    Rows without an entry in common are as far apart as the farthest others.
    """
    from sklearn.metrics.pairwise import euclidean_distances, nan_euclidean_distances

    rows = np.asarray(x, dtype=np.float64)
    if known is None:
        return np.asarray(euclidean_distances(rows))
    apart = nan_euclidean_distances(np.where(known, rows, np.nan))
    finite = apart[np.isfinite(apart)]
    return np.asarray(np.nan_to_num(apart, nan=float(finite.max()) if finite.size else 0.0))


def nearest(apart: Array, k: int) -> NDArray[np.intp]:
    """(n, n) distances -> (n, k) nearest others of each row, the nearest first."""
    others = apart.copy()
    np.fill_diagonal(others, np.inf)
    return np.asarray(np.argsort(others, axis=1, kind="stable")[:, :k])


def kept(near: NDArray[np.intp], codes: Any) -> Array:
    """(n, k) neighbors in the data, (n, code) codes -> (n,) share of them among the k nearest in the code."""
    found = nearest(distances(codes), near.shape[1])
    return np.asarray((near[:, :, None] == found[:, None, :]).any(axis=2).mean(axis=1))


def alike(labels: Any, codes: Any, k: int) -> Array:
    """(n,) labels, (n, code) codes -> (n,) share of the k nearest codes whose row has the same label."""
    own = np.asarray(labels)
    return np.asarray((own[nearest(distances(codes), k)] == own[:, None]).mean(axis=1))
