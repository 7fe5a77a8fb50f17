"""Rectified units that begin with a bias so negative that few rows make them fire."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hospital.biased import NegativeBias
from hospital.protocol import NO_MNIST, Case, Illness
from hospital.sound import sound, trained

if TYPE_CHECKING:
    from hospital.data import Data

#: How far below 0 the first layer's biases begin, in standard deviations of what they are added to.
BIASES = (2.0, 2.5, 3.0)


def _make(data: Data, degree: int, seed: int) -> Case:
    deviation = float(np.sqrt(2 * np.mean(np.square(data.flat()[0]))))  # Kaiming's gain squared is 2
    biased = NegativeBias(BIASES[degree] * deviation)
    return trained(sound(data, seed, training__initial_weights=biased), data)


ILLNESS = Illness(
    mistake="Biases of the first rectified layer begin at a negative constant, as one does for sparse codes.",
    degrees=("biases begin 2 standard deviations below 0", "2.5", "3"),
    primary=("dead-units",),
    accompanying=(
        "mean-collapse",
        "worse-than-pca",
        "underfit",
        "partial-collapse",
        "redundant-code",
        "code-too-large",
        "code-too-small",
        "lost-information",
        "blur",
        "manifold-holes",
        "unstable-training",
    ),
    make=_make,
    sets=NO_MNIST,
)
