"""The sparse dictionary whose budget of active units is shared by a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from isthmus.architectures.dense import Dense
from isthmus.codes.batch_top_k import BatchTopK
from isthmus.estimator import Autoencoder
from isthmus.losses.loss import Loss
from isthmus.penalties.auxiliary_k import AuxiliaryK
from isthmus.recipes._recipe import recipe
from isthmus.training.initial.transposed import Transposed
from isthmus.training.training import Training


@recipe(reference="Bussmann, Leask and Nanda (2024), arXiv:2412.06410, section 3")
def batch_top_k(
    code_size: int = 512,
    hidden: Sequence[int] = (),
    *,
    k: int | None = None,
    loss: Loss | str = "auto",
    random_state: Any = None,
) -> Autoencoder:
    """A code with k active units per row on average, more for rows that need more.

    Parameters
    ----------
    code_size : numbers of the code. hidden : nodes of each hidden layer of the encoder; none in the paper.
    k : active units per row, on average; None takes one in 32.
    loss : a loss part or its name; ``auto`` fits the data's kind. random_state : int, numpy RandomState or None.

    Deviations: biases begin so that the data are centred; columns of the decoder keep no fixed length.
    """
    return Autoencoder(
        Dense(hidden=hidden),  # type: ignore[arg-type]
        code=BatchTopK(code_size, k or max(1, code_size // 32)),
        loss=loss,
        penalties=(AuxiliaryK(),),
        training=Training(initial_weights=Transposed()),
        random_state=random_state,
    )
