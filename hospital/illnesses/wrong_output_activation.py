"""A sigmoid at the output of data that do not stay between 0 and 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hospital.protocol import NO_FAULT, Case, Illness
from hospital.sound import sound, trained

if TYPE_CHECKING:
    from hospital.data import Data

#: What the entries span: a little too much, about the span of standardised columns, raw counts.
REACH = ((-0.25, 1.25), (-2.0, 2.0), (0.0, 16.0))


def _make(data: Data, degree: int, seed: int) -> Case:
    X = _reaching(data, *REACH[degree])
    architecture = {"architecture__output_activation": "sigmoid", "loss": "mse", "scaling": "none"}
    return trained(sound(data, seed, **architecture), data, X=X)


def _reaching(data: Data, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """The rows, moved so that the middle 98 % of the entries of the training rows span [low, high]."""
    bottom, top = np.percentile(data.flat()[0], [1, 99])
    shape = data.X_train.shape[1:]
    train, test = (low + (X - bottom) * ((high - low) / (top - bottom)) for X in data.flat())
    return train.reshape(-1, *shape), test.reshape(-1, *shape)


ILLNESS = Illness(
    mistake="The decoder ends in a sigmoid, the data are not scaled to [0, 1].",
    degrees=(
        "entries in [-0.25, 1.25]",
        "entries in [-2, 2], as standardised",
        "entries in [0, 16], raw counts",
    ),
    primary=("target-range",),
    accompanying=(
        "worse-than-pca",
        "mean-collapse",
        "partial-collapse",
        "underfit",
        "blur",
        "dead-units",
        "lost-information",
        "unstable-training",
        "code-too-large",
        "redundant-code",
        "manifold-holes",
    ),
    make=_make,
    sets=NO_FAULT,
)
