"""A code of many more units than the data have dimensions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hospital.protocol import NO_MNIST, Case, Illness
from hospital.sound import sound, trained

if TYPE_CHECKING:
    from hospital.data import Data

#: Units of the code in those of a sound one.
FACTORS = (8, 16, 32)


def _make(data: Data, degree: int, seed: int) -> Case:
    units = FACTORS[degree] * data.code
    return trained(sound(data, seed, code=units, architecture__hidden=(64, max(64, units))), data)


ILLNESS = Illness(
    mistake="The code has many more units than the data have dimensions, and no penalty keeps them apart.",
    degrees=("8 times a sound code", "16 times", "32 times"),
    primary=("code-too-large",),
    alternative=("redundant-code", "identity-copy"),
    accompanying=(
        "identity-copy",
        "overfit",
        "prior-mismatch",
        "worse-than-pca",
        "manifold-holes",
        "dead-units",
    ),
    make=_make,
    sets=NO_MNIST,
    unseen=False,
)
