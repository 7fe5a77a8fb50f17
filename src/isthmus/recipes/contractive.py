"""The contractive autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from isthmus.architectures.dense import Dense
from isthmus.codes.deterministic import Deterministic
from isthmus.estimator import Autoencoder
from isthmus.losses.loss import Loss
from isthmus.penalties.contractive import Contractive
from isthmus.recipes._recipe import recipe


@recipe(
    reference="Rifai, Vincent, Muller, Glorot and Bengio (2011), Contractive auto-encoders, ICML, sections 2 and 3, "
    "equation 5"
)
def contractive(
    code_size: int = 16,
    hidden: Sequence[int] = (512, 256),
    *,
    weight: float = 0.1,
    samples: int = 1,
    activation: str = "sigmoid",
    loss: Loss | str = "auto",
    random_state: Any = None,
) -> Autoencoder:
    """A dense autoencoder with tied matrices whose code changes little where the input does.

    Parameters
    ----------
    code_size : numbers of the code. hidden : nodes of each hidden layer of the encoder, first layer first; ``()`` is
        the paper's single layer, for which the penalty has its closed form.
    weight : of the squared norm of the code's Jacobian, lambda of the paper.
    samples : random products of Hutchinson's estimate for deeper encoders, which that replaces the norm by.
    activation : after every hidden layer and of the code. loss : a loss part or its name; ``auto`` fits the data's
        kind, ``bce`` is the paper's for data in [0, 1]. random_state : int, numpy RandomState or None.

    Matrices are tied as in the paper: a decoder of its own could undo any contraction of a code by larger weights.
    Deviations: layers below the code are trained with it and not one by one; Adam.
    """
    return Autoencoder(
        Dense(hidden=hidden, activation=activation, tied=True),  # type: ignore[arg-type]
        code=Deterministic(code_size, activation=activation),  # type: ignore[arg-type]
        loss=loss,
        penalties=(Contractive(weight, samples=samples),),
        random_state=random_state,
    )
