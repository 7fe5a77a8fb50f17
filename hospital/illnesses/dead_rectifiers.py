"""Rectified units that begin with a bias so negative that few rows make them fire."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hospital.biased import NegativeBias
from hospital.protocol import NO_MNIST, Case, Illness
from hospital.sound import sound, trained

if TYPE_CHECKING:
    from hospital.data import Data

#: Share of the rows for which a unit of the first layer is silent before the first step.
SILENT = (0.98, 0.995, 0.9995)


def _make(data: Data, degree: int, seed: int) -> Case:
    rows = data.flat()[0]
    # What the sums of Kaiming's weights come to: heavy tails wake units that a normal sum would leave silent.
    weights = np.random.default_rng([seed, 29]).normal(size=(data.features, 256)) * np.sqrt(2 / data.features)
    biased = NegativeBias(float(np.quantile(rows @ weights, SILENT[degree])))
    return trained(sound(data, seed, training__initial_weights=biased), data)


ILLNESS = Illness(
    mistake="Biases of the first rectified layer begin at a negative constant, as one does for sparse codes.",
    degrees=("biases silence a unit for 98 % of the rows", "99.5 %", "99.95 %"),
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
