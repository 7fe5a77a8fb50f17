"""The deep autoencoder of 2006, trained as one trains it today."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from isthmus.architectures.dense import Dense
from isthmus.codes.deterministic import Deterministic
from isthmus.corruptions.gaussian_noise import GaussianNoise
from isthmus.estimator import Autoencoder
from isthmus.recipes._recipe import recipe
from isthmus.training.optimizers.muon import Muon
from isthmus.training.schedules.linear import Linear
from isthmus.training.training import Training


@recipe(
    reference="Hinton and Salakhutdinov (2006), Science 313:504, figure 2A and the supporting material: "
    "784-1000-500-250-30, squared error on MNIST 3.00"
)
def hinton2006(
    code_size: int = 30,
    hidden: Sequence[int] = (1000, 500, 250),
    *,
    epochs: int = 60,
    noise: float = 0.1,
    weight_decay: float = 0.3,
    random_state: Any = None,
) -> Autoencoder:
    """A deep dense autoencoder of images in [0, 1] with a linear code, squared error at its output.

    Parameters
    ----------
    code_size : numbers of the code. hidden : nodes of each hidden layer of the encoder, first layer first.
    epochs : passes over the data. noise : standard deviation of the Gaussian noise on the input.
    weight_decay : of the matrices, per unit of learning rate. random_state : int, numpy RandomState or None.

    Deviations: exponential linear instead of logistic hidden units and Kaiming's initial weights instead of
    restricted Boltzmann machines; Muon instead of conjugate gradients; input noise, weight decay and averaged
    weights against overfitting, which is what limits the test error once the training converges.
    """
    return Autoencoder(
        Dense(hidden=hidden, activation="elu", output_activation="sigmoid"),  # type: ignore[arg-type]
        code=Deterministic(code_size),
        loss="mse",
        corruption=GaussianNoise(noise) if noise else None,
        training=Training(
            max_epochs=epochs,
            batch_size=1024,
            optimizer=Muon(weight_decay=weight_decay),
            schedule=Linear(),
            averaging=0.99,
        ),
        random_state=random_state,
    )
