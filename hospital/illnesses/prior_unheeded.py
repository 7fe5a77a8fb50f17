"""A variational model that samples from a prior it never learned to follow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hospital.protocol import Case, Illness
from hospital.sound import sound, trained
from isthmus.codes.gaussian import Gaussian

if TYPE_CHECKING:
    from hospital.data import Data

#: Weights of the divergence.
BETAS = (0.1, 0.01, 0.001)


def _make(data: Data, degree: int, seed: int) -> Case:
    return trained(sound(data, seed, code=Gaussian(data.code, beta=BETAS[degree])), data)


ILLNESS = Illness(
    mistake="The weight of the divergence was lowered until reconstructions pleased, samples come from the prior.",
    degrees=("beta .1", "beta .01", "beta .001"),
    primary=("prior-mismatch",),
    accompanying=("posterior-misfit", "overfit", "manifold-holes", "code-too-large"),
    make=_make,
    # Not the manifold: its codes fill a box whatever the weight, and what is decoded from the prior lies near the data.
    sets=("digits", "mnist", "fault", "satellite"),
    unseen=False,
)
