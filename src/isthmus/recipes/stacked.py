"""Autoencoders trained layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from isthmus.architectures.dense import Dense
from isthmus.codes.deterministic import Deterministic
from isthmus.estimator import Autoencoder
from isthmus.losses.loss import Loss
from isthmus.recipes._recipe import recipe
from isthmus.training.initial.greedy import Greedy
from isthmus.training.training import Training


@recipe(
    reference="Bengio, Lamblin, Popovici and Larochelle (2007), NIPS 19, section 3 and algorithm 2: greedy layer-wise "
    "training of autoencoders"
)
def stacked(
    code_size: int = 250,
    hidden: Sequence[int] = (1000, 500),
    *,
    pretraining_epochs: int = 15,
    activation: str = "sigmoid",
    loss: Loss | str = "bce",
    random_state: Any = None,
) -> Autoencoder:
    """A dense autoencoder whose layers are trained one after the other first, each to reproduce what it reads.

    Parameters
    ----------
    code_size : numbers of the code. hidden : nodes of each hidden layer of the encoder, first layer first.
    pretraining_epochs : passes over the data for each layer; the joint training's are ``training__max_epochs``.
    activation : after every hidden layer, and of the code. loss : of the first layer and of the whole; ``bce`` wants
        data in [0, 1], for others take ``mse``. random_state : int, numpy RandomState or None.

    Deviations: Adam instead of plain gradient descent; after its layers the whole autoencoder is trained to
    reconstruct, where the paper trains the encoder to classify, as FineTunedClassifier of ``isthmus.tasks`` does.
    """
    return Autoencoder(
        Dense(hidden=hidden, activation=activation),  # type: ignore[arg-type]
        code=Deterministic(code_size, activation=activation),  # type: ignore[arg-type]
        loss=loss,
        training=Training(initial_weights=Greedy(epochs=pretraining_epochs)),
        random_state=random_state,
    )
