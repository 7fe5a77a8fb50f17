"""The deep autoencoder of 2006, trained as it was then."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from isthmus.architectures.dense import Dense
from isthmus.codes.deterministic import Deterministic
from isthmus.estimator import Autoencoder
from isthmus.losses.loss import Loss
from isthmus.recipes._recipe import recipe
from isthmus.training.initial.rbm import RBM
from isthmus.training.training import Training


@recipe(
    reference="Hinton and Salakhutdinov (2006), Science 313:504, figure 1 and supporting material: a stack of "
    "restricted Boltzmann machines, unrolled and fine-tuned"
)
def rbm_pretrained(
    code_size: int = 30,
    hidden: Sequence[int] = (1000, 500, 250),
    *,
    pretraining_epochs: int = 10,
    linear_learning_rate: float = 0.001,
    loss: Loss | str = "bce",
    random_state: Any = None,
) -> Autoencoder:
    """A deep network of logistic units with a linear code that starts from a stack of Boltzmann machines.

    Parameters
    ----------
    code_size : numbers of the code. hidden : nodes of each hidden layer of the encoder, first layer first.
    pretraining_epochs : passes over the data for each machine; the joint training's are ``training__max_epochs``.
    linear_learning_rate : of the machine that makes the linear code. loss : of the joint training; ``bce`` reads data
        in [0, 1] as probabilities. random_state : int, numpy RandomState or None.

    Deviations: 10 passes as in the published code, the text has 50; the joint training uses Adam, the paper conjugate
    gradients on larger batches; ``recipes.hinton2006`` is the same network trained as one does today.
    """
    return Autoencoder(
        Dense(hidden=hidden, activation="sigmoid"),  # type: ignore[arg-type]
        code=Deterministic(code_size),
        loss=loss,
        training=Training(
            initial_weights=RBM(epochs=pretraining_epochs, linear_learning_rate=linear_learning_rate)
        ),
        random_state=random_state,
    )
