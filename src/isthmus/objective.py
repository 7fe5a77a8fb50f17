"""The aim of a training: terms added up, once."""

from __future__ import annotations

import re
from functools import reduce

import torch
from torch import Tensor, nn

from isthmus.composition import Composition
from isthmus.errors import ParameterError
from isthmus.types import Batch, Context, Forward

RECONSTRUCTION = "reconstruction"


class Objective(nn.Module):
    """All terms of one pass by name, each (batch,) in nats per sample and already weighted.

    The loss of a batch is the mean over its rows of the sum of the terms.
    """

    def __init__(self, network: Composition) -> None:
        super().__init__()
        self.network = network
        self.penalty_names = _term_names([type(penalty).__name__ for penalty in network.parts.penalties])

    def forward(self, batch: Batch, context: Context) -> dict[str, Tensor]:
        forward = self.network(batch, context)
        return self.terms(forward, self.network.nll(forward.output, batch.x, batch.mask))

    def terms(self, forward: Forward, reconstruction: Tensor) -> dict[str, Tensor]:
        """The terms of a pass whose reconstruction term, (batch,), is there already."""
        network = self.network
        terms = {RECONSTRUCTION: reconstruction} | dict(forward.encoded.terms)
        for number, (name, penalty) in enumerate(
            zip(self.penalty_names, network.parts.penalties, strict=True)
        ):
            if "labels" in penalty.needs and forward.labels is None:
                raise ParameterError(f"{type(penalty).__name__} needs labels: pass y to fit.")
            if penalty.weight:
                # A code's own term of the same name (KL beside kl) keeps it.
                key = f"{name}_penalty" if name in terms else name
                terms[key] = penalty.weight * penalty(forward, network.penalty_state(number))
        return terms


def total(terms: dict[str, Tensor]) -> Tensor:
    """(batch,) the sum of all terms."""
    return reduce(torch.add, terms.values())


def _term_names(classes: list[str]) -> list[str]:
    """``L1`` -> ``l1``, a second one ``l1_2``; words of a class name joined by underscores."""
    names: list[str] = []
    for name in classes:
        snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
        count = sum(known == snake or known.startswith(f"{snake}_") for known in names)
        names.append(snake if not count else f"{snake}_{count + 1}")
    return names
