"""Denoising autoencoders on top of each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from isthmus.corruptions.masking import Masking
from isthmus.estimator import Autoencoder
from isthmus.losses.loss import Loss
from isthmus.recipes._recipe import recipe
from isthmus.recipes.stacked import stacked
from isthmus.training.initial.greedy import Greedy
from isthmus.training.training import Training


@recipe(
    reference="Vincent, Larochelle, Lajoie, Bengio and Manzagol (2010), JMLR 11, section 3.4 and figure 3, with the "
    "masking noise of section 3.3"
)
def stacked_denoising(
    code_size: int = 250,
    hidden: Sequence[int] = (1000, 500),
    *,
    noise: float = 0.25,
    pretraining_epochs: int = 15,
    activation: str = "sigmoid",
    loss: Loss | str = "bce",
    random_state: Any = None,
) -> Autoencoder:
    """A stack whose layers each learn to undo masking noise on what they read, one after the other.

    Parameters
    ----------
    code_size : numbers of the code. hidden : nodes of each hidden layer of the encoder, first layer first.
    noise : share of a layer's inputs set to 0 while it is trained alone, and of the data's in the joint training.
    pretraining_epochs : passes over the data for each layer; the joint training's are ``training__max_epochs``.
    activation : after every hidden layer, and of the code. loss : of the first layer and of the whole; ``bce`` wants
        data in [0, 1], for others take ``mse``. random_state : int, numpy RandomState or None.

    Deviations: those of ``stacked``; the joint training damages the data too. Other noise than masking is
    ``set_params(corruption=..., training__initial_weights__corruption=...)``.
    """
    model: Autoencoder = stacked(
        code_size,
        hidden,
        activation=activation,
        loss=loss,
        random_state=random_state,
    )
    greedy = Greedy(corruption=Masking(noise), epochs=pretraining_epochs)
    return model.set_params(corruption=Masking(noise), training=Training(initial_weights=greedy))
