"""The sparse autoencoder of sigmoid units with a target activity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from isthmus.architectures.dense import Dense
from isthmus.codes.deterministic import Deterministic
from isthmus.estimator import Autoencoder
from isthmus.losses.loss import Loss
from isthmus.penalties.kl_sparsity import KLSparsity
from isthmus.recipes._recipe import recipe
from isthmus.training.initial.transposed import Transposed
from isthmus.training.training import Training


@recipe(
    reference="Ng (2011), CS294A lecture notes: Sparse autoencoder, section 3; Lee, Ekanadham and Ng (2007), NIPS 20"
)
def sparse_kl(
    code_size: int = 200,
    hidden: Sequence[int] = (),
    *,
    activity: float = 0.05,
    weight: float = 0.1,
    loss: Loss | str = "auto",
    random_state: Any = None,
) -> Autoencoder:
    """A sigmoid code, each of whose units is active by a small share of 1 on average.

    Parameters
    ----------
    code_size : numbers of the code. hidden : nodes of each hidden layer of the encoder; none in the notes.
    activity : mean activity of every unit to be reached. weight : of the divergence from it, at the start;
        3 in the notes.
    loss : a loss part or its name; ``auto`` fits the data's kind. random_state : int, numpy RandomState or None.

    Deviations: a linear output instead of a sigmoid one, no weight decay, Adam instead of L-BFGS on the whole data,
    activities as running means, a weight that rises until the activity is reached, a decoder that begins as the
    encoder's transpose and at the data's mean.
    """
    return Autoencoder(
        Dense(hidden=hidden, activation="sigmoid"),  # type: ignore[arg-type]
        code=Deterministic(code_size, activation="sigmoid"),
        loss=loss,
        penalties=(KLSparsity(weight, activity),),
        training=Training(initial_weights=Transposed()),
        random_state=random_state,
    )
