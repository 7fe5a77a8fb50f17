"""A penalty that outweighs the data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hospital.protocol import NO_MNIST, Case, Illness
from hospital.sound import sound, trained
from isthmus.penalties.weight_decay import WeightDecay

if TYPE_CHECKING:
    from hospital.data import Data

#: Nats per unit of half the sum of squared weights; the penalty's default is 1e-4.
WEIGHTS = (2.0, 6.0, 20.0)


def _make(data: Data, degree: int, seed: int) -> Case:
    return trained(sound(data, seed, penalties=(WeightDecay(WEIGHTS[degree]),)), data)


ILLNESS = Illness(
    mistake="The weight of a weight decay was meant for the whole data set and is counted for every row.",
    degrees=("weight 2", "weight 6", "weight 20"),
    primary=("worse-than-pca", "mean-collapse"),
    accompanying=(
        "underfit",
        "partial-collapse",
        "blur",
        "lost-information",
        "code-too-large",
        "redundant-code",
        "dead-units",
        "manifold-holes",
        "unstable-training",
    ),
    make=_make,
    sets=NO_MNIST,
    unseen=False,
)
