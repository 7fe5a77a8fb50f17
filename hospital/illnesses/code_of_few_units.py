"""A code smaller than the data's dimension."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hospital.protocol import NO_FAULT, Case, Illness
from hospital.sound import sound, trained

if TYPE_CHECKING:
    from hospital.data import Data

#: Units of the code; every data set here has more dimensions.
UNITS = (3, 2, 1)


def _make(data: Data, degree: int, seed: int) -> Case:
    return trained(sound(data, seed, code=UNITS[degree]), data)


ILLNESS = Illness(
    mistake="The code was made small enough to be plotted.",
    degrees=("3 units", "2 units", "1 unit"),
    primary=("code-too-small",),
    accompanying=(
        "lost-information",
        "blur",
        "partial-collapse",
        "mean-collapse",
        "manifold-holes",
        "underfit",
        "prior-mismatch",
    ),
    make=_make,
    sets=NO_FAULT,
)
