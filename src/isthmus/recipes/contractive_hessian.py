"""The higher-order contractive autoencoder, CAE+H."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from isthmus.architectures.dense import Dense
from isthmus.codes.deterministic import Deterministic
from isthmus.estimator import Autoencoder
from isthmus.losses.loss import Loss
from isthmus.penalties.contractive_hessian import ContractiveHessian
from isthmus.recipes._recipe import recipe


@recipe(
    reference="Rifai, Mesnil, Vincent, Muller, Bengio, Dauphin and Glorot (2011), Higher order contractive "
    "auto-encoder, ECML PKDD, section 3"
)
def contractive_hessian(
    code_size: int = 16,
    hidden: Sequence[int] = (512, 256),
    *,
    weight: float = 0.1,
    hessian: float = 1.0,
    std: float = 0.1,
    samples: int = 1,
    activation: str = "sigmoid",
    loss: Loss | str = "auto",
    random_state: Any = None,
) -> Autoencoder:
    """The recipe ``contractive`` with a further penalty on how fast the code's Jacobian changes.

    Parameters
    ----------
    code_size : numbers of the code. hidden : nodes of each hidden layer of the encoder, first layer first.
    weight : of the squared norm of the Jacobian, lambda of the paper. hessian : of its squared change under a
        displacement of the input, as a multiple of ``weight``: gamma / lambda.
    std : of the displacements, in model units. samples : displacements a row and step.
    activation : after every hidden layer and of the code. loss : a loss part or its name; ``auto`` fits the data's
        kind, ``bce`` is the paper's for data in [0, 1]. random_state : int, numpy RandomState or None.

    Deviations: as of the recipe ``contractive``.
    """
    return Autoencoder(
        Dense(hidden=hidden, activation=activation, tied=True),  # type: ignore[arg-type]
        code=Deterministic(code_size, activation=activation),  # type: ignore[arg-type]
        loss=loss,
        penalties=(ContractiveHessian(weight, hessian=hessian, std=std, samples=samples),),
        random_state=random_state,
    )
