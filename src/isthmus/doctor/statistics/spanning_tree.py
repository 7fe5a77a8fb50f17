"""Gaps between groups of points: long edges of their minimum spanning tree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree
from scipy.spatial.distance import cdist
from sklearn.neighbors import NearestNeighbors

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

#: Neighbours whose distance is the spacing of the points around one.
NEIGHBORS = 5
#: Points that a side of a gap must have, as a share of all and as a number: fewer are outliers.
SIDE, FEWEST = 0.02, 5
#: Gaps that are looked for at most, and edges of the tree that are looked at.
MOST, EDGES = 5, 50


@dataclass(frozen=True)
class Gap:
    """Two groups of points with nothing between them.

    width : smallest distance between points of the two groups. excess : width over the spacing of the points at its
    edges, the wider of the two. side : (n,) True for the points of the smaller group.
    """

    width: float
    excess: float
    side: NDArray[np.bool_]


def gaps(points: Array) -> list[Gap]:
    """The widest gaps in (n, d) points, by excess: edges of the minimum spanning tree with many points on either side.

    Taking away an edge of the tree divides the points in two groups, and the edge is the shortest way between them.
    """
    n = len(points)
    # Equal points are at distance 0, which the tree would take for no edge.
    tree = minimum_spanning_tree(cdist(points, points) + 1e-12).tocoo()
    spacing = NearestNeighbors(n_neighbors=min(NEIGHBORS, n - 1)).fit(points).kneighbors()[0][:, -1]
    excess = tree.data / np.maximum(np.maximum(spacing[tree.row], spacing[tree.col]), 1e-9)
    found: list[Gap] = []
    for at in np.argsort(-excess, kind="stable")[:EDGES]:
        side = _smaller_side(tree, int(at), n)
        if side.sum() >= max(FEWEST, SIDE * n):
            found.append(Gap(float(tree.data[at]), float(excess[at]), side))
        if len(found) == MOST:
            break
    return found


def usual_excess(n: int, dimensions: int, generator: np.random.Generator, *, draws: int = 10) -> float:
    """The largest excess of :func:`gaps` in several samples of as many normal points, which have none."""
    samples = (generator.normal(size=(n, dimensions)) for _ in range(draws))
    return max((gap.excess for sample in samples for gap in gaps(sample)[:1]), default=1.0)


def _smaller_side(tree: Any, without: int, n: int) -> NDArray[np.bool_]:
    cut = tree.copy()
    cut.data = np.delete(tree.data, without)
    cut.row, cut.col = np.delete(tree.row, without), np.delete(tree.col, without)
    _, labels = connected_components(cut, directed=False)
    side = labels == labels[tree.row[without]]
    return np.asarray(side if 2 * side.sum() <= n else ~side)
