"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import torch

from isthmus.errors import sentence
from isthmus.spec import In
from isthmus.training.optimizers.optimizer import Optimizer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn


@dataclass
class SGD(Optimizer):
    """Gradient descent with momentum, PyTorch's fused form.

    Parameters
    ----------
    momentum : in [0, 1).
    nesterov : look ahead (Sutskever et al. 2013, section 2); needs momentum.
    weight_decay : L2, added to the gradient.
    """

    alias = "sgd"
    peak_learning_rate = 1e-2
    elementwise = True

    momentum: Annotated[float, In("[0, 1)")] = 0.9
    nesterov: bool = True
    weight_decay: Annotated[float, In("[0, inf)")] = 0.0

    def conflicts(self) -> Iterator[str]:
        if self.nesterov and self.momentum == 0:
            yield sentence(
                "momentum of SGD", "above 0 with nesterov=True", self.momentum, "set nesterov=False"
            )

    def build(
        self, parameters: Iterable[tuple[str, nn.Parameter]], *, learning_rate: float
    ) -> torch.optim.Optimizer:
        return torch.optim.SGD(
            [parameter for _, parameter in parameters],
            lr=learning_rate,
            momentum=self.momentum,
            nesterov=self.nesterov,
            weight_decay=self.weight_decay,
            fused=True,
        )
