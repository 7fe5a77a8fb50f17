"""Gaussian likelihood of unit variance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from isthmus.losses.loss import Loss

if TYPE_CHECKING:
    from torch import Tensor, nn

    from isthmus.types import Event


@dataclass
class SquaredError(Loss):
    """Half the squared error summed over known entries: a Gaussian of unit variance without its constant.

    Call: output, x (batch, *event) -> (batch,) nats. Random: nothing.
    """

    alias = "mse"

    def __call__(
        self, output: Tensor, x: Tensor, *, mask: Tensor | None, event: Event, state: nn.Module | None
    ) -> Tensor:
        squares = (output - x).square()
        if mask is not None:
            squares = squares * mask
        return squares.flatten(1).sum(1) * 0.5

    def with_gradient(
        self, output: Tensor, x: Tensor, *, mask: Tensor | None, event: Event, state: nn.Module | None
    ) -> tuple[Tensor, Tensor]:
        gradient = output - x
        if mask is not None:
            gradient = gradient * mask
        return torch.linalg.vector_norm(gradient, dim=1).square_().mul_(0.5), gradient

    def mean(self, output: Tensor, *, event: Event) -> Tensor:
        return output
