"""A variational code that is too dear to use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hospital.protocol import NO_SATELLITE, Case, Illness
from hospital.sound import sound, trained
from isthmus.codes.gaussian import Gaussian

if TYPE_CHECKING:
    from hospital.data import Data

#: Weights of the divergence; rows of more entries say more, so the same harm takes a larger one.
BETAS = (2.0, 5.0, 25.0)


def _make(data: Data, degree: int, seed: int) -> Case:
    beta = BETAS[degree] * max(1.0, data.features / 64) ** 0.5
    return trained(sound(data, seed, code=Gaussian(2 * data.code, beta=beta)), data)


ILLNESS = Illness(
    mistake="The weight of the divergence is taken from a paper that averages over entries where this loss adds up.",
    degrees=("beta 2, more for rows of more than 64 entries", "beta 5", "beta 25"),
    primary=("posterior-collapse",),
    accompanying=(
        "unstable-training",
        "mean-collapse",
        "worse-than-pca",
        "redundant-code",
        "code-too-large",
        "code-too-small",
        "blur",
        "lost-information",
        "partial-collapse",
        "dead-units",
        "underfit",
        "manifold-holes",
        "prior-mismatch",
    ),
    make=_make,
    sets=NO_SATELLITE,
)
