"""The relational sparse autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from isthmus.architectures.dense import Dense
from isthmus.codes.deterministic import Deterministic
from isthmus.estimator import Autoencoder
from isthmus.losses.loss import Loss
from isthmus.penalties.kl_sparsity import KLSparsity
from isthmus.penalties.relational import Relational
from isthmus.recipes._recipe import recipe


@recipe(reference="Meng, Catchpoole, Skillicorn and Kennedy (2017), arXiv:1802.03145, section IV")
def relational_sparse(
    code_size: int = 64,
    hidden: Sequence[int] = (512, 256),
    *,
    weight: float = 1.0,
    activity: float = 0.05,
    sparsity: float = 0.1,
    activation: str = "relu",
    loss: Loss | str = "auto",
    random_state: Any = None,
) -> Autoencoder:
    """RSAE: a sparse sigmoid code that keeps the relations of the rows.

    Parameters
    ----------
    code_size : numbers of the code. hidden : nodes of each hidden layer of the encoder, first layer first.
    weight : how hard relations pull on the codes, as a multiple of how hard the data do.
    activity : mean activity of every unit to be reached. sparsity : weight of the divergence from it, at the start.
    activation : after every hidden layer. loss : a loss part or its name; ``auto`` fits the data's kind.
    random_state : int, numpy RandomState or None.

    Deviations: those of :class:`isthmus.penalties.relational.Relational`; sparse activities by their divergence from
    a target where the paper penalises the squared weights; Adam.
    """
    return Autoencoder(
        Dense(hidden=hidden, activation=activation),  # type: ignore[arg-type]
        code=Deterministic(code_size, activation="sigmoid"),
        loss=loss,
        penalties=(Relational(weight), KLSparsity(sparsity, activity)),
        random_state=random_state,
    )
