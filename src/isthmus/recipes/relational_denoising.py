"""The relational denoising autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from isthmus.architectures.dense import Dense
from isthmus.codes.deterministic import Deterministic
from isthmus.corruptions.gaussian_noise import GaussianNoise
from isthmus.estimator import Autoencoder
from isthmus.losses.loss import Loss
from isthmus.penalties.relational import Relational
from isthmus.recipes._recipe import recipe


@recipe(reference="Meng, Catchpoole, Skillicorn and Kennedy (2017), arXiv:1802.03145, section IV")
def relational_denoising(
    code_size: int = 16,
    hidden: Sequence[int] = (512, 256),
    *,
    weight: float = 1.0,
    noise: float = 0.3,
    activation: str = "relu",
    loss: Loss | str = "auto",
    random_state: Any = None,
) -> Autoencoder:
    """RDAE: the codes of noisy rows keep the relations of the clean ones.

    Parameters
    ----------
    code_size : numbers of the code. hidden : nodes of each hidden layer of the encoder, first layer first.
    weight : how hard relations pull on the codes, as a multiple of how hard the data do.
    noise : standard deviation of the Gaussian noise on the input, in model units.
    activation : after every hidden layer. loss : a loss part or its name; ``auto`` fits the data's kind.
    random_state : int, numpy RandomState or None.

    Deviations: those of :class:`isthmus.penalties.relational.Relational`; Adam.
    """
    return Autoencoder(
        Dense(hidden=hidden, activation=activation),  # type: ignore[arg-type]
        code=Deterministic(code_size),
        loss=loss,
        corruption=GaussianNoise(noise) if noise else None,
        penalties=(Relational(weight),),
        random_state=random_state,
    )
