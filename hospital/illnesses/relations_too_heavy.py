"""Relations between rows outweigh the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hospital.protocol import NO_FAULT, Case, Illness
from hospital.sound import sound, trained
from isthmus.penalties.relational import Relational

if TYPE_CHECKING:
    from hospital.data import Data

#: How hard relations pull, as a multiple of how hard the data do.
WEIGHTS = (100.0, 1000.0, 10000.0)


def _make(data: Data, degree: int, seed: int) -> Case:
    return trained(sound(data, seed, penalties=(Relational(WEIGHTS[degree], relation="product"),)), data)


ILLNESS = Illness(
    mistake="Relations between rows were given a weight of 100 times that of the data and more.",
    degrees=("weight 100", "weight 1000", "weight 10000"),
    primary=("pair-weights",),
    accompanying=(
        "worse-than-pca",
        "mean-collapse",
        "underfit",
        "partial-collapse",
        "blur",
        "lost-information",
        "code-too-large",
        "code-too-small",
        "redundant-code",
        "manifold-holes",
        "unstable-training",
        "dead-units",
    ),
    make=_make,
    sets=NO_FAULT,
    unseen=False,
)
