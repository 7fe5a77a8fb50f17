"""The winner-take-all autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from isthmus.architectures.dense import Dense
from isthmus.codes.winner_take_all import WinnerTakeAll
from isthmus.estimator import Autoencoder
from isthmus.losses.loss import Loss
from isthmus.recipes._recipe import recipe
from isthmus.training.initial.transposed import Transposed
from isthmus.training.training import Training


@recipe(reference="Makhzani and Frey (2015), arXiv:1409.2752, section 2")
def winner_take_all(
    code_size: int = 512,
    hidden: Sequence[int] = (),
    *,
    rate: float = 0.05,
    inference: Literal["threshold", "rectified"] = "threshold",
    loss: Loss | str = "auto",
    random_state: Any = None,
) -> Autoencoder:
    """A rectified code in which every unit is active in a fixed share of the rows.

    Parameters
    ----------
    code_size : numbers of the code. hidden : nodes of each hidden layer of the encoder; rectified, none here.
    rate : share of a batch's rows that a unit keeps. inference : ``rectified`` for features as in the paper,
        ``threshold`` for reconstructions.
    loss : a loss part or its name; ``auto`` fits the data's kind. random_state : int, numpy RandomState or None.

    Deviations: one layer instead of several; codes after training pass running thresholds unless ``rectified``; the
    decoder begins as the encoder's transpose and at the data's mean; Adam instead of momentum.
    """
    return Autoencoder(
        Dense(hidden=hidden),  # type: ignore[arg-type]
        code=WinnerTakeAll(code_size, rate, inference),
        loss=loss,
        training=Training(initial_weights=Transposed()),
        random_state=random_state,
    )
