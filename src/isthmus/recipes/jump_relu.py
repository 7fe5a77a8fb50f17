"""The sparse dictionary with a learned threshold for each unit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from isthmus.architectures.dense import Dense
from isthmus.codes.jump_relu import JumpReLU
from isthmus.estimator import Autoencoder
from isthmus.losses.loss import Loss
from isthmus.recipes._recipe import recipe
from isthmus.training.initial.transposed import Transposed
from isthmus.training.training import Training


@recipe(reference="Rajamanoharan et al. (2024), arXiv:2407.14435, section 3, equations 9 to 12")
def jump_relu(
    code_size: int = 512,
    hidden: Sequence[int] = (),
    *,
    l0: float | None = 16.0,
    weight: float = 1e-2,
    loss: Loss | str = "auto",
    random_state: Any = None,
) -> Autoencoder:
    """A code that is 0 below a threshold and unchanged above, with the number of active units in the objective.

    Parameters
    ----------
    code_size : numbers of the code. hidden : nodes of each hidden layer of the encoder; none in the paper.
    l0 : active units per row to be reached; None keeps the weight. weight : nats per active unit, with ``l0`` at the
        start.
    loss : a loss part or its name; ``auto`` fits the data's kind. random_state : int, numpy RandomState or None.

    Deviations: ``l0`` is reached by shifting all thresholds together, and a weight that settles at what balances it;
    biases begin so that the data are centred; columns of the decoder keep no fixed length.
    """
    return Autoencoder(
        Dense(hidden=hidden),  # type: ignore[arg-type]
        code=JumpReLU(code_size, l0, weight),
        loss=loss,
        training=Training(initial_weights=Transposed()),
        random_state=random_state,
    )
