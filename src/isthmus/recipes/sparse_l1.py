"""The autoencoder whose code is kept sparse by absolute values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from isthmus.architectures.dense import Dense
from isthmus.codes.deterministic import Deterministic
from isthmus.estimator import Autoencoder
from isthmus.losses.loss import Loss
from isthmus.penalties.l1 import L1
from isthmus.recipes._recipe import recipe
from isthmus.training.initial.transposed import Transposed
from isthmus.training.training import Training


@recipe(
    reference="Goodfellow, Bengio and Courville (2016), Deep Learning, section 14.2.1, equation 14.9; Conerly et al. "
    "(2024), Transformer Circuits, April update"
)
def sparse_l1(
    code_size: int = 512,
    hidden: Sequence[int] = (),
    *,
    l0: float | None = 16.0,
    weight: float = 1e-2,
    loss: Loss | str = "auto",
    random_state: Any = None,
) -> Autoencoder:
    """A rectified code under an L1 penalty, each number counted with the length of the direction that it writes.

    Parameters
    ----------
    code_size : numbers of the code. hidden : nodes of each hidden layer of the encoder; none is a dictionary.
    l0 : active units per row to be reached; None keeps the weight. weight : of the penalty, with ``l0`` at the start.
    loss : a loss part or its name; ``auto`` fits the data's kind. random_state : int, numpy RandomState or None.

    Deviations: the weight follows from ``l0``; the decoder begins as the encoder's transpose and at the data's mean.
    """
    return Autoencoder(
        Dense(hidden=hidden),  # type: ignore[arg-type]
        code=Deterministic(code_size, activation="relu"),
        loss=loss,
        penalties=(L1(weight, l0=l0, scaled=True),),
        training=Training(initial_weights=Transposed()),
        random_state=random_state,
    )
