"""The generalized autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from isthmus.architectures.dense import Dense
from isthmus.codes.deterministic import Deterministic
from isthmus.estimator import Autoencoder
from isthmus.losses.loss import Loss
from isthmus.penalties.generalized import Generalized
from isthmus.recipes._recipe import recipe


@recipe(
    reference="Wang, Huang, Wang and Wang (2014), Generalized autoencoder, CVPR workshops, equation 2 and table 1"
)
def generalized(
    code_size: int = 16,
    hidden: Sequence[int] = (512, 256),
    *,
    weight: float = 1.0,
    relation: str = "neighbors",
    k: int = 8,
    memory: int = 1024,
    activation: str = "relu",
    loss: Loss | str = "auto",
    random_state: Any = None,
) -> Autoencoder:
    """Every row rebuilds itself and the rows it is related to.

    Parameters
    ----------
    code_size : numbers of the code. hidden : nodes of each hidden layer of the encoder, first layer first.
    weight : how hard the related rows pull, as a multiple of how hard the row's own data do.
    relation : ``neighbors``, ``linear`` or ``labels``, see :class:`isthmus.penalties.generalized.Generalized`.
    k : neighbours a row. memory : rows of earlier batches that are searched besides the batch.
    activation : after every hidden layer. loss : a loss part or its name; ``auto`` fits the data's kind.
    random_state : int, numpy RandomState or None.

    Deviations: those of the penalty, among them the data's own loss beside the set's; trained jointly instead of
    layer by layer, and the sets are not searched anew among the codes.
    """
    return Autoencoder(
        Dense(hidden=hidden, activation=activation),  # type: ignore[arg-type]
        code=Deterministic(code_size),
        loss=loss,
        penalties=(Generalized(weight, relation=relation, k=k, memory=memory),),  # type: ignore[arg-type]
        random_state=random_state,
    )
