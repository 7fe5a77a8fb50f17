"""The gated sparse autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from isthmus.architectures.dense import Dense
from isthmus.codes.gated import Gated
from isthmus.estimator import Autoencoder
from isthmus.losses.loss import Loss
from isthmus.penalties.gated_auxiliary import GatedAuxiliary
from isthmus.recipes._recipe import recipe
from isthmus.training.initial.transposed import Transposed
from isthmus.training.training import Training


@recipe(reference="Rajamanoharan et al. (2024), arXiv:2404.16014, section 3.2, equation 8")
def gated_sparse(
    code_size: int = 512,
    hidden: Sequence[int] = (),
    *,
    l0: float | None = 16.0,
    sparsity: float = 1e-2,
    loss: Loss | str = "auto",
    random_state: Any = None,
) -> Autoencoder:
    """A code whose gate is kept sparse by absolute values while its magnitudes are not, so nothing shrinks.

    Parameters
    ----------
    code_size : numbers of the code. hidden : nodes of each hidden layer of the encoder; none in the paper.
    l0 : active units per row to be reached; None keeps ``sparsity``. sparsity : nats per unit of the gate's activity,
        with ``l0`` at the start.
    loss : a loss part or its name; ``auto`` fits the data's kind. random_state : int, numpy RandomState or None.

    Deviations: biases begin so that the data are centred; the lengths of the decoder's columns stand in the penalty
    instead of being kept at 1; no resampling.
    """
    return Autoencoder(
        Dense(hidden=hidden),  # type: ignore[arg-type]
        code=Gated(code_size),
        loss=loss,
        penalties=(GatedAuxiliary(sparsity=sparsity, l0=l0),),
        training=Training(initial_weights=Transposed()),
        random_state=random_state,
    )
