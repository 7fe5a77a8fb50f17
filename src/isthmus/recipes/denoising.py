"""The denoising autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from isthmus.architectures.dense import Dense
from isthmus.codes.deterministic import Deterministic
from isthmus.corruptions.corruption import Corruption
from isthmus.corruptions.gaussian_noise import GaussianNoise
from isthmus.corruptions.levelled import LevelledCorruption
from isthmus.corruptions.masking import Masking
from isthmus.corruptions.patches import Patches
from isthmus.corruptions.salt_and_pepper import SaltAndPepper
from isthmus.corruptions.swap_noise import SwapNoise
from isthmus.errors import ParameterError, sentence
from isthmus.estimator import Autoencoder
from isthmus.losses.loss import Loss
from isthmus.penalties.emphasis import Emphasis
from isthmus.recipes._recipe import recipe

CORRUPTIONS: dict[str, type[LevelledCorruption]] = {
    "masking": Masking,
    "gaussian": GaussianNoise,
    "salt_and_pepper": SaltAndPepper,
    "swap": SwapNoise,
    "patches": Patches,
}


@recipe(
    reference="Vincent, Larochelle, Bengio and Manzagol (2008), ICML, section 2.3; Vincent et al. (2010), JMLR 11, "
    "sections 3.1 to 3.4"
)
def denoising(
    code_size: int = 16,
    hidden: Sequence[int] = (512, 256),
    *,
    corruption: Corruption | str = "masking",
    strength: float | None = None,
    emphasis: float = 0.0,
    activation: str = "relu",
    loss: Loss | str = "auto",
    random_state: Any = None,
) -> Autoencoder:
    """A dense autoencoder that is given damaged data and asked for the clean ones.

    Parameters
    ----------
    code_size : numbers of the code. hidden : nodes of each hidden layer of the encoder, first layer first.
    corruption : ``masking``, ``gaussian``, ``salt_and_pepper``, ``swap`` (for tables), ``patches`` (for images given as
        images), or a corruption part. strength : its rate, standard deviation or area; None takes its default.
    emphasis : how much more a damaged entry counts than the others, alpha / beta - 1 of section 3.4.
    activation : after every hidden layer. loss : a loss part or its name; ``auto`` fits the data's kind.
    random_state : int, numpy RandomState or None.

    Deviations: several layers trained at once in place of one tied sigmoid layer (``hidden=()`` is one layer);
    rectified units, a linear code smaller than the input, Adam. The recipe ``stacked_denoising`` trains layer by layer.
    """
    return Autoencoder(
        Dense(hidden=hidden, activation=activation),  # type: ignore[arg-type]
        code=Deterministic(code_size),
        loss=loss,
        corruption=_corruption(corruption, strength),
        penalties=(Emphasis(emphasis),) if emphasis else (),
        random_state=random_state,
    )


def _corruption(choice: Corruption | str, strength: float | None) -> Corruption:
    if isinstance(choice, Corruption):
        if strength is not None:
            raise ParameterError(
                f"strength of recipe denoising goes with a corruption's name, and {choice!r} has its own: leave it out."
            )
        return choice
    if choice not in CORRUPTIONS:
        rule = f"one of {', '.join(CORRUPTIONS)} or a corruption part"
        raise ParameterError(sentence("corruption of recipe denoising", rule, choice))
    part = CORRUPTIONS[choice]
    fields: dict[str, Any] = {} if strength is None else {part.strength: strength}
    return part(**fields)
