"""The plain autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from isthmus.architectures.dense import Dense
from isthmus.codes.deterministic import Deterministic
from isthmus.estimator import Autoencoder
from isthmus.losses.loss import Loss
from isthmus.recipes._recipe import recipe


@recipe(
    reference="Rumelhart, Hinton and Williams (1986), Nature 323; Goodfellow, Bengio and Courville (2016), "
    "Deep Learning, section 14.1"
)
def dense(
    code_size: int = 16,
    hidden: Sequence[int] = (512, 256),
    *,
    activation: str = "relu",
    loss: Loss | str = "auto",
    random_state: Any = None,
) -> Autoencoder:
    """Fully connected layers down to a deterministic code, and mirrored ones up again.

    Parameters
    ----------
    code_size : numbers of the code. hidden : nodes of each hidden layer of the encoder, first layer first.
    activation : after every hidden layer. loss : a loss part or its name; ``auto`` fits the data's kind.
    random_state : int, numpy RandomState or None.

    Deviation: rectified instead of logistic units, Adam instead of gradient descent.
    """
    return Autoencoder(
        Dense(hidden=hidden, activation=activation),  # type: ignore[arg-type]
        code=Deterministic(code_size),
        loss=loss,
        random_state=random_state,
    )
