"""A large network and few rows to train it on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hospital.protocol import NO_SATELLITE, Case, Illness
from hospital.sound import sound, trained

if TYPE_CHECKING:
    from hospital.data import Data

#: Rows trained on.
ROWS = (128, 64, 32)


def _make(data: Data, degree: int, seed: int) -> Case:
    rows = ROWS[degree]
    large = {
        "architecture__hidden": (256, 128),
        "training__max_epochs": 4 * data.epochs,
        "training__batch_size": 16,
        "code": 2 * data.code,
    }
    X, y = (data.X_train[:rows], data.X_test), (data.y_train[:rows], data.y_test)
    return trained(sound(data, seed, **large), data, X=X, y=y)


ILLNESS = Illness(
    mistake="A network for thousands of rows was trained for long on those that were at hand.",
    degrees=("128 rows", "64 rows", "32 rows"),
    primary=("overfit",),
    accompanying=(
        "worse-than-pca",
        "manifold-holes",
        "partial-collapse",
        "lost-information",
        "code-too-large",
        "redundant-code",
        "train-test-shift",
        "blur",
        "dead-units",
        "prior-mismatch",
        "mean-collapse",
    ),
    make=_make,
    sets=NO_SATELLITE,
)
