"""Steps that are far too long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hospital.protocol import NO_SATELLITE, Case, Illness
from hospital.sound import RATE, sound, trained

if TYPE_CHECKING:
    from hospital.data import Data

#: By how much the rate is too high.
FACTORS = (20.0, 50.0, 150.0)


def _make(data: Data, degree: int, seed: int) -> Case:
    return trained(sound(data, seed, training__learning_rate=FACTORS[degree] * RATE), data)


ILLNESS = Illness(
    mistake="The learning rate was copied from another optimizer.",
    degrees=("rate .06, 20 times too high", "rate .15", "rate .45"),
    primary=("unstable-training",),
    alternative=("mean-collapse", "dead-units"),
    accompanying=(
        "mean-collapse",
        "dead-units",
        "worse-than-pca",
        "underfit",
        "partial-collapse",
        "redundant-code",
        "code-too-large",
        "lost-information",
        "blur",
        "manifold-holes",
    ),
    make=_make,
    sets=NO_SATELLITE,
)
