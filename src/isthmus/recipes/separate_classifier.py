"""The separate classifier-autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from isthmus.architectures.branches import Branches
from isthmus.architectures.dense import Dense
from isthmus.codes.deterministic import Deterministic
from isthmus.errors import ParameterError, sentence
from isthmus.estimator import Autoencoder
from isthmus.losses.loss import Loss
from isthmus.penalties.classifier import Classifier
from isthmus.penalties.redundancy import Redundancy
from isthmus.recipes._recipe import recipe


@recipe(
    reference="Portenier, Hu, Favaro and Zwicker (2018), VISAPP, 'Fine-grained retrieval with autoencoders' (SCA); "
    "without the redundancy: Cheung et al. (2014), arXiv:1412.6583, equation 3"
)
def separate_classifier(
    code_size: int = 32,
    hidden: Sequence[int] = (512, 256),
    *,
    classifier_size: int | None = None,
    weight: float = 1.0,
    redundancy: float = 0.0,
    measure: str = "cross_covariance",
    activation: str = "relu",
    loss: Loss | str = "auto",
    random_state: Any = None,
) -> Autoencoder:
    """A classifier and an autoencoder side by side, their features together the code; needs y.

    The first ``classifier_size`` units come from an encoder that learns to classify and nothing else; the others from
    one that learns to reconstruct. The decoder reads all of them, so the second encoder need not say the class again,
    and ``redundancy`` asks it not to.

    Parameters
    ----------
    code_size : numbers of the whole code. hidden : nodes of each hidden layer of either encoder, first layer first.
    classifier_size : units of the classifier's part; None takes half, rounded down. As many as there are classes are
        enough, and leave it little room for what varies within a class.
    weight : per nat of cross-entropy. redundancy : weight of the dependence between the two parts, 0 for none.
    measure : of that dependence, see :class:`isthmus.penalties.Redundancy`; the autoencoder's part gives way.
    activation : after every hidden layer. loss : a loss part or its name; ``auto`` fits the data's kind.
    random_state : int, numpy RandomState or None.

    Raises: ParameterError when the code is too small to be divided.
    Deviations: fully connected instead of convolutional layers; both encoders are trained at once, which comes to the
    same because the classifier's receives no gradient from the decoder; weights of ours.
    """
    first_size = code_size // 2 if classifier_size is None else classifier_size
    if not 0 < first_size < code_size:
        rule = f"between 1 and {code_size - 1}, so that both parts of a code of {code_size} have units"
        raise ParameterError(sentence("classifier_size of separate_classifier", rule, first_size))
    penalties: list[Any] = [Classifier(weight, units=(0, first_size))]
    if redundancy:
        penalties.append(
            Redundancy(redundancy, split=first_size, measure=measure, gives_way="second")  # type: ignore[arg-type]
        )
    branch = Dense(hidden=hidden, activation=activation)  # type: ignore[arg-type]
    return Autoencoder(
        Branches(branch, Dense(hidden=hidden, activation=activation), first_size, decoder_gradient=0.0),  # type: ignore[arg-type]
        code=Deterministic(code_size),
        loss=loss,
        penalties=tuple(penalties),
        random_state=random_state,
    )
