"""Classes of new data from an autoencoder that was trained with a classifier on its code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.errors import ParameterError
from isthmus.inference import evaluated
from isthmus.penalties.classifier import Classifier

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from isthmus.composition import Composition
    from isthmus.estimator import Autoencoder


def predict(model: Autoencoder, X: Any) -> NDArray[Any]:
    """X -> (n,) the most probable class of each row, in the form of the y that the model was fitted with."""
    probable = probabilities(model, X).argmax(axis=1)
    return np.asarray(model.classes_[probable])


def probabilities(model: Autoencoder, X: Any) -> NDArray[np.float32]:
    """X -> (n, classes) class probabilities, columns in the order of ``model.classes_``.

    Of several classifiers the first one answers. Deterministic: codes are posterior means.
    Raises ParameterError for a model without a :class:`isthmus.penalties.Classifier`, NotFittedError before fit.
    """
    model._check_fitted()
    network = model.network_
    classifier, state = _classifier(network)

    def probable(rows: Tensor) -> Tensor:
        return classifier.logits(network.encode(rows).z, state).softmax(dim=1)

    blocks = [evaluated(network, probable, batch.x).float().cpu().numpy() for batch in model.batches(X)]
    return np.concatenate(blocks)


def _classifier(network: Composition) -> tuple[Classifier, nn.Module | None]:
    """The first classifier of a network, and its layers."""
    for number, penalty in enumerate(network.parts.penalties):
        if isinstance(penalty, Classifier):
            return penalty, network.penalty_state(number)
    raise ParameterError(
        "this model has no classifier: fit one with penalties=(Classifier(),) and y to ask it for classes."
    )
