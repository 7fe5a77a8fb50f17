"""Rows sorted by class and not shuffled, so that each class is forgotten while the next is learned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hospital.protocol import NO_FAULT, Case, Illness
from hospital.sound import sound, trained

if TYPE_CHECKING:
    from hospital.data import Data

#: Learning rates: what is forgotten within an epoch grows with the length of the steps.
RATES = (3e-3, 1e-2, 2e-2)


def _make(data: Data, degree: int, seed: int) -> Case:
    order = np.argsort(data.groups_train, kind="stable")
    model = sound(
        data,
        seed,
        training__shuffle=False,
        training__schedule="constant",
        training__learning_rate=RATES[degree],
        training__max_epochs=data.epochs // 2,
    )
    X, y = (data.X_train[order], data.X_test), (data.y_train[order], data.y_test)
    return trained(model, data, X=X, y=y)


ILLNESS = Illness(
    mistake="The file is sorted by class and the training does not shuffle; the rate stays constant.",
    degrees=("rate .003", "rate .01", "rate .02"),
    primary=("partial-collapse",),
    alternative=("unstable-training", "underfit", "mean-collapse"),
    accompanying=(
        "worse-than-pca",
        "dead-units",
        "lost-information",
        "blur",
        "manifold-holes",
        "redundant-code",
        "code-too-large",
    ),
    make=_make,
    sets=NO_FAULT,
)
