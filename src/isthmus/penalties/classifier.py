"""A classifier on the code."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from isthmus.errors import ParameterError
from isthmus.nn.activations import Activation
from isthmus.penalties.labelled import LabelledPenalty
from isthmus.spec import In

if TYPE_CHECKING:
    from isthmus.composition import Composition
    from isthmus.types import Forward


@dataclass
class Classifier(LabelledPenalty):
    """Cross-entropy of a softmax classifier that reads the code, trained together with the encoder.

    Parameters
    ----------
    weight : in [0, inf), per nat of cross-entropy.
    hidden : nodes of hidden layers between the code and the classes; empty for a linear classifier.
    activation : after each of them.
    units : (start, stop), the units of the code that it reads; None means all of them.

    Call: (batch,) nats, -log p(label | code). Unlabelled rows (negative class codes) cost nothing, so the
    penalised mean is a log-likelihood of what is known of a partly labelled set. Random: the layers' initial weights.
    What it has learned is asked for by :mod:`isthmus.classification`.
    Raises: ParameterError when the labels are numbers (y of floats) instead of classes, or when there are none.
    References: Le, Patterson and White (2018), NeurIPS, "Supervised autoencoders", section 2; Portenier et al. (2018),
    VISAPP, "Fine-grained retrieval with autoencoders" (classifying autoencoder).
    """

    hidden: tuple[Annotated[int, In("[1, inf)")], ...] = ()
    activation: Literal["relu", "leaky_relu", "elu", "gelu", "silu", "softplus", "tanh", "sigmoid"] = "relu"

    weight: Annotated[float, In("[0, inf)")] = 1.0

    def state(self, network: Composition) -> nn.Module:
        classes = network.event.classes
        if not classes:
            raise ParameterError(
                "Classifier needs classes: pass y to fit, as integers or text (floats are taken for numbers, not "
                "classes)."
            )
        widths = [self.width(network.parts.code.size), *self.hidden]
        layers: list[nn.Module] = []
        for above, below in pairwise(widths):
            layers += [nn.Linear(above, below), Activation(self.activation)]
        return nn.Sequential(*layers, nn.Linear(widths[-1], classes))

    def logits(self, z: Tensor, state: nn.Module | None) -> Tensor:
        """z (batch, code) -> (batch, classes) log probabilities up to a constant a row."""
        if state is None:
            raise ParameterError("Classifier has no layers yet: use the state that it made for its network.")
        logits: Tensor = state(self.seen(z))
        return logits

    def __call__(self, forward: Forward, state: nn.Module | None) -> Tensor:
        labels, known = self.labels(forward)
        logits = self.logits(forward.z, state)
        if logits.dtype == torch.bfloat16:
            logits = logits.float()
        return F.cross_entropy(
            logits, torch.where(known, labels, -1).long(), reduction="none", ignore_index=-1
        )
