"""The relational autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from isthmus.architectures.dense import Dense
from isthmus.codes.deterministic import Deterministic
from isthmus.estimator import Autoencoder
from isthmus.losses.loss import Loss
from isthmus.penalties.relational import Relational
from isthmus.recipes._recipe import recipe


@recipe(reference="Meng, Catchpoole, Skillicorn and Kennedy (2017), arXiv:1802.03145, section III")
def relational(
    code_size: int = 16,
    hidden: Sequence[int] = (512, 256),
    *,
    weight: float = 1.0,
    relation: str = "neighbors",
    activation: str = "relu",
    loss: Loss | str = "auto",
    random_state: Any = None,
) -> Autoencoder:
    """RAE: codes are to each other as the rows are that they stand for.

    Parameters
    ----------
    code_size : numbers of the code. hidden : nodes of each hidden layer of the encoder, first layer first.
    weight : how hard relations pull on the codes, as a multiple of how hard the data do.
    relation : ``neighbors``, ``product``, ``centered`` or ``cosine``, see
        :class:`isthmus.penalties.relational.Relational`.
    activation : after every hidden layer. loss : a loss part or its name; ``auto`` fits the data's kind.
    random_state : int, numpy RandomState or None.

    Deviations: those of the penalty, among them that codes and not reconstructions are asked to keep the relations
    (the paper's products keep comparing reconstructions), neighbourhoods instead of inner products, and weights that
    are balanced while training goes on; Adam.
    """
    return Autoencoder(
        Dense(hidden=hidden, activation=activation),  # type: ignore[arg-type]
        code=Deterministic(code_size),
        loss=loss,
        penalties=(Relational(weight, relation=relation),),  # type: ignore[arg-type]
        random_state=random_state,
    )
