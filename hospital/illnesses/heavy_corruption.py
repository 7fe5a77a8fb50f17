"""More is taken out of the input than leaves it recognizable."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hospital.protocol import NO_FAULT, Case, Illness
from hospital.sound import sound, trained
from isthmus.corruptions.masking import Masking

if TYPE_CHECKING:
    from hospital.data import Data

#: Share of the entries that are masked in training.
RATES = (0.8, 0.9, 0.97)


def _make(data: Data, degree: int, seed: int) -> Case:
    return trained(sound(data, seed, corruption=Masking(RATES[degree])), data)


ILLNESS = Illness(
    mistake="A denoising autoencoder whose input is masked nearly as a whole.",
    degrees=(".8 of the entries masked", ".9", ".97"),
    primary=("worse-than-pca",),
    on_images=("blur",),
    accompanying=(
        "mean-collapse",
        "underfit",
        "partial-collapse",
        "blur",
        "lost-information",
        "code-too-large",
        "redundant-code",
        "dead-units",
        "manifold-holes",
        "train-test-shift",
    ),
    make=_make,
    sets=NO_FAULT,
    unseen=False,
)
