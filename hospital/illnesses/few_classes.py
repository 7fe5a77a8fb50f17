"""Training rows from a part of what the model is used on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hospital.protocol import NO_SATELLITE, Case, Illness
from hospital.sound import sound, trained

if TYPE_CHECKING:
    from hospital.data import Data

#: Share of the groups that are trained on, the largest first.
SHARES = (0.6, 0.4, 0.2)


def _make(data: Data, degree: int, seed: int) -> Case:
    names, counts = np.unique(data.groups_train, return_counts=True)
    order = names[np.argsort(-counts, kind="stable")]
    kept = np.isin(data.groups_train, order[: max(1, round(len(names) * SHARES[degree]))])
    X, y = (data.X_train[kept], data.X_test), (data.y_train[kept], data.y_test)
    return trained(sound(data, seed), data, X=X, y=y)


ILLNESS = Illness(
    mistake="The training rows come from some of the sites, machines or classes, the model is used on all.",
    degrees=("3 of 5 groups trained on", "2 of 5", "1 of 5"),
    primary=("train-test-shift",),
    accompanying=(
        "overfit",
        "manifold-holes",
        "partial-collapse",
        "worse-than-pca",
        "lost-information",
        "mean-collapse",
        "prior-mismatch",
        "blur",
        "code-too-small",
        "code-too-large",
    ),
    make=_make,
    sets=NO_SATELLITE,
)
