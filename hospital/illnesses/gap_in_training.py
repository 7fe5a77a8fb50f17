"""Rows of the middle of the data were never collected."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hospital.protocol import NO_MNIST, Case, Illness
from hospital.sound import sound, trained

if TYPE_CHECKING:
    from hospital.data import Data

#: Share of the rows that are missing, from the middle of the direction in which the data vary most.
SHARES = (0.3, 0.5, 0.7)


def _make(data: Data, degree: int, seed: int) -> Case:
    rows = data.flat()[0]
    centered = rows - rows.mean(axis=0)
    along = centered @ np.linalg.svd(centered, full_matrices=False)[2][0]
    low, high = np.quantile(along, [0.5 - SHARES[degree] / 2, 0.5 + SHARES[degree] / 2])
    kept = (along < low) | (along > high)
    X, y = (data.X_train[kept], data.X_test), (data.y_train[kept], data.y_test)
    return trained(sound(data, seed), data, X=X, y=y)


ILLNESS = Illness(
    mistake="Data were collected in winter and in summer, the model is used all year.",
    degrees=("the middle 30 % are missing", "50 %", "70 %"),
    primary=("train-test-shift",),
    alternative=("manifold-holes",),
    accompanying=("overfit", "worse-than-pca", "partial-collapse", "lost-information", "blur"),
    make=_make,
    sets=NO_MNIST,
    unseen=False,
)
