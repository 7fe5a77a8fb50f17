"""The denoising autoencoder whose noise is that of a diffusion model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from isthmus.architectures.dense import Dense
from isthmus.codes.deterministic import Deterministic
from isthmus.corruptions.diffusion_noise import DiffusionNoise
from isthmus.estimator import Autoencoder
from isthmus.losses.loss import Loss
from isthmus.recipes._recipe import recipe


@recipe(
    reference="Sattarov, Schreyer and Borth (2025), Diffusion-scheduled denoising autoencoders, arXiv:2508.00758; "
    "Ho, Jain and Abbeel (2020), arXiv:2006.11239, equation 4"
)
def diffusion_denoising(
    code_size: int = 16,
    hidden: Sequence[int] = (512, 256),
    *,
    noise: float = 0.7,
    schedule: str = "cosine",
    activation: str = "relu",
    loss: Loss | str = "auto",
    random_state: Any = None,
) -> Autoencoder:
    """A dense autoencoder that gets every row at a noise level of its own and is asked for the clean one.

    Parameters
    ----------
    code_size : numbers of the code. hidden : nodes of each hidden layer of the encoder, first layer first.
    noise : in [0, 1), the largest noise level. schedule : ``cosine`` or ``linear``, how levels are spread.
    activation : after every hidden layer. loss : a loss part or its name; ``auto`` fits the data's kind.
    random_state : int, numpy RandomState or None.

    ``reconstruct(X, steps=n)`` takes the noise off in n steps down the schedule.
    Deviations: the network is not told the level, so that the code is a function of the row alone; continuous levels.
    """
    return Autoencoder(
        Dense(hidden=hidden, activation=activation),  # type: ignore[arg-type]
        code=Deterministic(code_size),
        loss=loss,
        corruption=DiffusionNoise(noise, schedule),  # type: ignore[arg-type]
        random_state=random_state,
    )
