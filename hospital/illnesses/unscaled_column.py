"""One column in a unit that makes its numbers large."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hospital.protocol import NO_MNIST, Case, Illness
from hospital.sound import sound, trained

if TYPE_CHECKING:
    from hospital.data import Data

#: Spread of the column, in that of an average one.
FACTORS = (10.0, 100.0, 1000.0)


def _make(data: Data, degree: int, seed: int) -> Case:
    train, test = (X.copy() for X in data.flat())
    place = int(np.argsort(train.var(axis=0))[len(train[0]) // 2])  # neither the dullest nor the liveliest
    spread = max(float(train[:, place].std()), 1e-6)
    typical = float(np.sqrt(train.var(axis=0).mean()))
    for X in (train, test):
        X[:, place] *= FACTORS[degree] * typical / spread
    return trained(sound(data, seed, loss="mse", scaling="none"), data, X=(train, test))


ILLNESS = Illness(
    mistake="One column is kept in a small unit (grams among tonnes) and nothing is scaled.",
    degrees=("spread 10 times that of others", "100 times", "1000 times"),
    primary=("partial-collapse",),
    alternative=("lost-information", "underfit"),
    accompanying=(
        "lost-information",
        "underfit",
        "unstable-training",
        "dead-units",
        "code-too-large",
        "code-too-small",
        "redundant-code",
        "worse-than-pca",
        "target-range",
        "mean-collapse",
        "overfit",
        "manifold-holes",
        "identity-copy",
    ),
    make=_make,
    sets=NO_MNIST,
)
