"""The relational variational autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from isthmus.architectures.dense import Dense
from isthmus.codes.gaussian import Gaussian
from isthmus.estimator import Autoencoder
from isthmus.losses.loss import Loss
from isthmus.penalties.relational import Relational
from isthmus.recipes._recipe import recipe


@recipe(reference="Meng, Catchpoole, Skillicorn and Kennedy (2017), arXiv:1802.03145, section IV")
def relational_variational(
    code_size: int = 20,
    hidden: Sequence[int] = (500,),
    *,
    weight: float = 1.0,
    activation: str = "tanh",
    loss: Loss | str = "bce",
    random_state: Any = None,
) -> Autoencoder:
    """RVAE: the recipe ``vae`` with codes that keep the relations of the rows.

    Parameters
    ----------
    code_size : numbers of the code. hidden : nodes of each hidden layer of the encoder, first layer first.
    weight : how hard relations pull on the codes, as a multiple of how hard the data do; 0 is the recipe
        ``vae``.
    activation : after every hidden layer.
    loss : a loss part or its name; ``bce`` for data in [0, 1], ``mse`` for standardised columns.
    random_state : int, numpy RandomState or None.

    Deviations: those of :class:`isthmus.penalties.relational.Relational`; the paper adds a second divergence, of codes
    given relations, where here drawn codes are compared as they are in the other models.
    """
    return Autoencoder(
        Dense(hidden=hidden, activation=activation),  # type: ignore[arg-type]
        code=Gaussian(code_size),
        loss=loss,
        penalties=(Relational(weight),),
        random_state=random_state,
    )
