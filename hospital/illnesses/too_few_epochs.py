"""A training that ends before it has begun to work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hospital.protocol import NO_FAULT, Case, Illness
from hospital.sound import sound, trained

if TYPE_CHECKING:
    from hospital.data import Data

#: Passes over the data.
EPOCHS = (10, 4, 1)


def _make(data: Data, degree: int, seed: int) -> Case:
    short = {"training__max_epochs": EPOCHS[degree], "training__learning_rate": 1e-3}
    return trained(sound(data, seed, **short), data)


ILLNESS = Illness(
    mistake="The training was stopped after a first try of few epochs.",
    degrees=("10 epochs", "4 epochs", "1 epoch"),
    primary=("underfit",),
    accompanying=(
        "mean-collapse",
        "worse-than-pca",
        "partial-collapse",
        "blur",
        "lost-information",
        "redundant-code",
        "code-too-large",
        "dead-units",
        "manifold-holes",
    ),
    make=_make,
    sets=NO_FAULT,
)
