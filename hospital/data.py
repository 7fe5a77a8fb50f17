"""The data of the hospital: small, of several sets, split anew with each seed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from benchmarks.tasks import MissingDataError
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits

from hospital.protocol import ALL

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float32]
    Labels = NDArray[np.int64]

#: Coordinates, columns and noise of the synthetic manifold. Its columns have unit variance.
DIMENSION, COLUMNS, NOISE = 4, 20, 0.05
#: Groups that rows without classes are divided into: sites, machines, seasons.
GROUPS = 5
#: Files of ADBench.
TABLES = {
    "fault": "12_fault.npz",
    "satellite": "30_satellite.npz",
    "cover": "10_cover.npz",
    "celeba": "8_celeba.npz",
}


@dataclass(frozen=True)
class Data:
    """Rows to train on and others to judge by.

    X : images (n, height, width) in [0, 1], or columns (n, features). y : classes. groups : of rows by what they hold,
    the classes where there are enough of them. code : units of a sound code. epochs : of a sound training.
    scaling : that a sound model needs.
    """

    name: str
    X_train: Array
    X_test: Array
    y_train: Labels
    y_test: Labels
    groups_train: Labels
    groups_test: Labels
    code: int
    epochs: int
    scaling: str = "none"

    @property
    def images(self) -> bool:
        """Whether a row is a picture."""
        return self.X_train.ndim == 3

    @property
    def features(self) -> int:
        """Numbers in a row."""
        return int(np.prod(self.X_train.shape[1:]))

    def flat(self) -> tuple[Array, Array]:
        """Training and held-out rows as columns, each with the spread that a sound model gives it.

        Tables are standardised by the training rows, pixels stay as they are.
        """
        train, test = (X.reshape(len(X), -1) for X in (self.X_train, self.X_test))
        if self.images:
            return train, test
        center, spread = train.mean(axis=0), np.maximum(train.std(axis=0), 1e-6)
        return (train - center) / spread, (test - center) / spread


#: Training rows, held-out rows, units of a sound code and epochs of each data set. Epochs by errors on a fifth of the
#: training rows: twice as many take less than a sixth off them. Those of fault, the manifold and celeba go on falling
#: for ten thousand steps, so they get about three thousand, and celeba, which falls fastest, seven.
SIZES = {
    "digits": (1200, 597, 10, 60),
    "mnist": (2000, 1000, 16, 40),
    "fault": (1300, 641, 8, 180),
    "satellite": (2000, 1000, 4, 40),
    "manifold": (1500, 750, DIMENSION, 120),
    # Units with which PCA keeps as much as of fault.
    "cover": (1500, 750, 5, 120),
    # 39 columns of yes and no: of 16 units PCA keeps two thirds, a sound model nine tenths.
    "celeba": (2000, 1000, 16, 240),
}


@lru_cache(maxsize=4)
def data(name: str, seed: int) -> Data:
    """A data set, split by ``seed``. Raises MissingDataError with what to do."""
    X, y, groups = _read(name)
    train_rows, test_rows, code, epochs = SIZES[name]
    order = np.random.default_rng([seed, 17]).permutation(len(X))[: train_rows + test_rows]
    train, test = order[:train_rows], order[train_rows:]
    parts = (part[rows] for part in (X, y, groups) for rows in (train, test))
    return Data(name, *parts, code, epochs, "standard" if name in TABLES else "none")


def available(names: tuple[str, ...] = ALL) -> tuple[list[str], list[str]]:
    """Names of the data sets that are here, and a line for each that is not."""
    here, lines = [], []
    for name in names:
        try:
            _read(name)
        except MissingDataError as missing:
            lines.append(f"{name} is left out: {missing}")
        else:
            here.append(name)
    return here, lines


@cache
def _read(name: str) -> tuple[Array, Labels, Labels]:
    """Rows, classes and groups."""
    X, y = _rows(name)
    return X, y, y if len(np.unique(y)) >= GROUPS else _groups(X)


def _rows(name: str) -> tuple[Array, Labels]:
    if name == "digits":
        bunch = load_digits()
        return (bunch.images / 16).astype(np.float32), bunch.target.astype(np.int64)
    if name == "mnist":
        from reproductions.mnist import mnist

        found = mnist("train").cut(0, 10_000)
        return found.X.reshape(-1, 28, 28), found.y
    if name == "manifold":
        X, factors = manifold(6_000, seed=0)
        return X, np.digitize(factors[:, 0], [-0.6, -0.2, 0.2, 0.6]).astype(np.int64)
    file = _folder() / "adbench" / TABLES[name]
    if not file.exists():
        raise MissingDataError(f"{file} is not there: put ADBench's tables into adbench/ of ISTHMUS_DATA.")
    with np.load(file, allow_pickle=False) as stored:
        return stored["X"].astype(np.float32), stored["y"].astype(np.int64)


def manifold(n: int, *, seed: int) -> tuple[Array, NDArray[np.float64]]:
    """(n, COLUMNS) rows on a bent sheet of DIMENSION dimensions with a little noise, and their coordinates in [-1, 1].

    The sheet is the same whatever the seed. Sines and products bend it, so PCA of DIMENSION units cannot follow.
    """
    mixing = np.random.default_rng(11).normal(size=(3 * DIMENSION, COLUMNS))
    generator = np.random.default_rng([seed, 12])
    factors = generator.uniform(-1, 1, size=(n, DIMENSION))
    bent = [2 * factors, np.sin(np.pi * factors), 2 * factors * np.roll(factors, 1, axis=1)]
    values = np.concatenate(bent, axis=1) @ mixing
    values = (values - values.mean(axis=0)) / values.std(axis=0)
    return (values + NOISE * generator.normal(size=values.shape)).astype(np.float32), factors


def _groups(X: Array) -> Labels:
    rows = X.reshape(len(X), -1)
    spread = np.maximum(rows.std(axis=0), 1e-6)
    return KMeans(GROUPS, n_init=3, random_state=0).fit_predict(rows / spread).astype(np.int64)


def _folder() -> Path:
    return Path(os.environ.get("ISTHMUS_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
