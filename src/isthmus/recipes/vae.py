"""The variational autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from isthmus.architectures.dense import Dense
from isthmus.codes.gaussian import Gaussian
from isthmus.estimator import Autoencoder
from isthmus.losses.loss import Loss
from isthmus.recipes._recipe import recipe


@recipe(reference="Kingma and Welling (2014), arXiv:1312.6114, equation 10 and appendices B and C")
def vae(
    code_size: int = 20,
    hidden: Sequence[int] = (500,),
    *,
    activation: str = "tanh",
    loss: Loss | str = "bce",
    random_state: Any = None,
) -> Autoencoder:
    """A normal posterior for every sample, pulled to a standard normal prior by their divergence in closed form.

    Parameters
    ----------
    code_size : numbers of the code. hidden : nodes of each hidden layer of the encoder, first layer first.
    activation : after every hidden layer.
    loss : a loss part or its name. ``bce`` is the paper's for data in [0, 1]. ``mse`` is a decoder of unit
        variance, for standardised columns: data that vary less than that leave the code nothing to say.
    random_state : int, numpy RandomState or None.

    The objective is the paper's bound with one sample a row, its weight 1: nats of reconstruction plus nats of
    divergence.

    Deviations: Adam instead of Adagrad, no weight decay; grey values in [0, 1] are read as probabilities; with
    ``mse`` the decoder's variance is fixed at 1 instead of learned.
    """
    return Autoencoder(
        Dense(hidden=hidden, activation=activation),  # type: ignore[arg-type]
        code=Gaussian(code_size),
        loss=loss,
        random_state=random_state,
    )
