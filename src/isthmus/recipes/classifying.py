"""The classifying autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from isthmus.architectures.dense import Dense
from isthmus.codes.deterministic import Deterministic
from isthmus.estimator import Autoencoder
from isthmus.losses.loss import Loss
from isthmus.penalties.classifier import Classifier
from isthmus.recipes._recipe import recipe


@recipe(
    reference="Portenier, Hu, Favaro and Zwicker (2018), VISAPP, 'Fine-grained retrieval with autoencoders' (CAE); "
    "Le, Patterson and White (2018), NeurIPS, 'Supervised autoencoders', section 2"
)
def classifying(
    code_size: int = 16,
    hidden: Sequence[int] = (512, 256),
    *,
    weight: float = 1.0,
    classifier_hidden: Sequence[int] = (),
    activation: str = "relu",
    loss: Loss | str = "auto",
    random_state: Any = None,
) -> Autoencoder:
    """An autoencoder with a softmax classifier on its code, so that one code holds class and appearance; needs y.

    Parameters
    ----------
    code_size : numbers of the code. hidden : nodes of each hidden layer of the encoder, first layer first.
    weight : per nat of cross-entropy. classifier_hidden : nodes of layers between the code and the classes.
    activation : after every hidden layer. loss : a loss part or its name; ``auto`` fits the data's kind.
    random_state : int, numpy RandomState or None.

    Classes of new rows: :func:`isthmus.classification.predict`.
    Deviation: fully connected instead of convolutional layers, and weights of ours.
    """
    return Autoencoder(
        Dense(hidden=hidden, activation=activation),  # type: ignore[arg-type]
        code=Deterministic(code_size),
        loss=loss,
        penalties=(Classifier(weight, classifier_hidden),),  # type: ignore[arg-type]
        random_state=random_state,
    )
