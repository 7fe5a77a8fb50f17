"""The siamese autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from isthmus.architectures.dense import Dense
from isthmus.codes.deterministic import Deterministic
from isthmus.estimator import Autoencoder
from isthmus.losses.loss import Loss
from isthmus.penalties.siamese import Siamese
from isthmus.recipes._recipe import recipe


@recipe(
    reference="Portenier, Hu, Favaro and Zwicker (2018), VISAPP, 'Fine-grained retrieval with autoencoders' (SAE); "
    "the loss: Hadsell, Chopra and LeCun (2006), CVPR, equation 4"
)
def siamese(
    code_size: int = 16,
    hidden: Sequence[int] = (512, 256),
    *,
    weight: float = 10.0,
    margin: float = 1.0,
    balanced: bool = True,
    activation: str = "relu",
    loss: Loss | str = "auto",
    random_state: Any = None,
) -> Autoencoder:
    """An autoencoder whose codes lie near each other within a class and a margin apart between classes; needs y.

    Parameters
    ----------
    code_size : numbers of the code. hidden : nodes of each hidden layer of the encoder, first layer first.
    weight : of the pairs, nats per squared unit of code. margin : distance at which classes are far enough apart.
    balanced : pairs within and between classes count half each; False counts every pair alike.
    activation : after every hidden layer. loss : a loss part or its name; ``auto`` fits the data's kind.
    random_state : int, numpy RandomState or None.

    Deviations: fully connected instead of convolutional layers, all pairs of a batch instead of drawn ones, and
    weights of ours.
    """
    return Autoencoder(
        Dense(hidden=hidden, activation=activation),  # type: ignore[arg-type]
        code=Deterministic(code_size),
        loss=loss,
        penalties=(Siamese(weight, margin, balanced),),
        random_state=random_state,
    )
