"""The k-sparse autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from isthmus.architectures.dense import Dense
from isthmus.codes.top_k import TopK
from isthmus.estimator import Autoencoder
from isthmus.losses.loss import Loss
from isthmus.penalties.auxiliary_k import AuxiliaryK
from isthmus.recipes._recipe import recipe
from isthmus.training.initial.transposed import Transposed
from isthmus.training.training import Training


@recipe(
    reference="Makhzani and Frey (2013), arXiv:1312.5663, section 2.1, algorithm 1; dead units: Gao et al. (2024), "
    "arXiv:2406.04093, section 2.4"
)
def k_sparse(
    code_size: int = 1000,
    hidden: Sequence[int] = (),
    *,
    k: int | None = None,
    k_inference: int | None = None,
    tied: bool = True,
    loss: Loss | str = "auto",
    random_state: Any = None,
) -> Autoencoder:
    """A linear code of which the k largest numbers are kept, through weights that encoder and decoder share.

    Parameters
    ----------
    code_size : numbers of the code. hidden : nodes of each hidden layer of the encoder; none in the paper.
    k : numbers kept; None keeps one in 40, as 25 of 1000 in the paper. k_inference : numbers kept after training.
    tied : the decoder's matrices are the encoder's, transposed; otherwise they only begin so.
    loss : a loss part or its name; ``auto`` fits the data's kind. random_state : int, numpy RandomState or None.

    Deviations: biases begin so that the data are centred; k is not lowered step by step in training, dead units get
    the auxiliary loss of Gao et al. instead; Adam instead of momentum.
    """
    return Autoencoder(
        Dense(hidden=hidden, tied=tied),  # type: ignore[arg-type]
        code=TopK(code_size, k or max(1, code_size // 40), k_inference, activation="identity"),
        loss=loss,
        penalties=(AuxiliaryK(),),
        training=Training(initial_weights=Transposed()),
        random_state=random_state,
    )
