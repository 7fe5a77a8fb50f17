"""A linear code as wide as the data: a copy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hospital.protocol import NO_MNIST, Case, Illness
from hospital.sound import sound, trained

if TYPE_CHECKING:
    from hospital.data import Data

#: Units of the code in entries of a row.
SHARES = (0.8, 1.0, 1.5)
#: Epochs in those of a sound model: a copy is learned fast where data vary much, and slowly where they hardly do.
LONGER = 3


def _make(data: Data, degree: int, seed: int) -> Case:
    units = round(SHARES[degree] * data.features)
    copy = {
        "architecture__hidden": (),
        "code": units,
        "loss": "mse",
        "training__max_epochs": LONGER * data.epochs,
    }
    return trained(sound(data, seed, **copy), data)


ILLNESS = Illness(
    mistake="One linear layer into a code about as wide as the data, nothing that forbids copying.",
    degrees=("0.8 units an entry", "1 unit an entry", "1.5 units an entry"),
    primary=("identity-copy",),
    alternative=("code-too-large",),
    accompanying=(
        "redundant-code",
        "overfit",
        "underfit",
        "worse-than-pca",
        "manifold-holes",
        "dead-units",
        "prior-mismatch",
    ),
    make=_make,
    sets=NO_MNIST,
)
