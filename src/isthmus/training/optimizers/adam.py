"""Adaptive moments."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import torch

from isthmus.spec import In
from isthmus.training.optimizers.optimizer import Optimizer

if TYPE_CHECKING:
    from torch import nn


@dataclass
class Adam(Optimizer):
    """AdamW in PyTorch's fused form; without weight decay it is Adam.

    Parameters
    ----------
    weight_decay : decoupled, per unit of learning rate (Loshchilov and Hutter 2019).
    beta1, beta2 : in [0, 1), memory of the first and second moment.
    epsilon : in (0, inf), added to the root of the second moment.

    References: Kingma and Ba (2015), algorithm 1.
    """

    alias = "adam"
    peak_learning_rate = 1e-3
    elementwise = True

    weight_decay: Annotated[float, In("[0, inf)")] = 0.0
    beta1: Annotated[float, In("[0, 1)")] = 0.9
    beta2: Annotated[float, In("[0, 1)")] = 0.999
    epsilon: Annotated[float, In("(0, inf)")] = 1e-8

    def build(
        self, parameters: Iterable[tuple[str, nn.Parameter]], *, learning_rate: float
    ) -> torch.optim.Optimizer:
        return torch.optim.AdamW(
            [parameter for _, parameter in parameters],
            lr=learning_rate,
            betas=(self.beta1, self.beta2),
            eps=self.epsilon,
            weight_decay=self.weight_decay,
            fused=True,
        )
