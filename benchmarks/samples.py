"""Rows whose dimension, or whose difference, is known: for estimates and tests of the doctor beside those of others.

Needs numpy only, because it runs in the environments of others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Rows = NDArray[np.float64]
    Draw = Callable[[np.random.Generator, int], Rows]
    Pair = Callable[[np.random.Generator, int], tuple[Rows, Rows]]

#: Columns that the first two sets are turned into.
COLUMNS = 20


def _turned(rows: Rows) -> Rows:
    """The same rows in more columns, by a map that keeps distances."""
    axes = np.linalg.qr(np.random.default_rng(7).normal(size=(COLUMNS, rows.shape[1])))[0]
    return rows @ axes.T


def _roll(generator: np.random.Generator, rows: int) -> Rows:
    angle, height = 1.5 * np.pi * (1 + 2 * generator.random(rows)), 21 * generator.random(rows)
    return np.stack([angle * np.cos(angle), height, angle * np.sin(angle)], axis=1)


def _sphere(generator: np.random.Generator, rows: int) -> Rows:
    points = generator.normal(size=(rows, 11))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


#: By name: the true dimension, and what draws so many rows.
MANIFOLDS: dict[str, tuple[int, Draw]] = {
    "hypercube of 5 dimensions in 20 columns": (5, lambda g, n: _turned(g.random((n, 5)))),
    "hypercube of 10 dimensions in 20 columns": (10, lambda g, n: _turned(g.random((n, 10)))),
    "roll of 2 dimensions in 3 columns": (2, _roll),
    "sphere of 10 dimensions in 11 columns": (10, _sphere),
}

#: By name: two sets of rows. The first two differ in nothing.
PAIRS: dict[str, Pair] = {
    "both normal, 5 columns": lambda g, n: (g.normal(size=(n, 5)), g.normal(size=(n, 5))),
    "both heavy-tailed, 5 columns": lambda g, n: (g.standard_t(3, size=(n, 5)), g.standard_t(3, size=(n, 5))),
    "means .2 apart in every column": lambda g, n: (g.normal(size=(n, 5)), g.normal(0.2, 1.0, size=(n, 5))),
    "spreads 1 and 1.25": lambda g, n: (g.normal(size=(n, 5)), g.normal(0.0, 1.25, size=(n, 5))),
    "independent and correlated by .5": lambda g, n: (g.normal(size=(n, 2)), _correlated(g, n)),
}


def _correlated(generator: np.random.Generator, rows: int) -> Rows:
    return generator.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], size=rows)


def generator(seed: int, name: str, turn: int) -> np.random.Generator:
    """The random numbers of one draw, equal wherever it is made."""
    return np.random.default_rng([seed, turn, *name.encode()])
