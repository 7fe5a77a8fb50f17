"""The protocol of optimisers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from isthmus.spec import Spec

if TYPE_CHECKING:
    import torch
    from torch import nn


@dataclass
class Optimizer(Spec, ABC):
    """A rule that turns gradients into steps.

    ``peak_learning_rate`` is used where ``Training(learning_rate=None)``. ``elementwise`` says that an entry's
    step depends on that entry's gradients only, so that all parameters may be given as one flat tensor.
    """

    family: ClassVar[str] = "training.optimizers"
    alias: ClassVar[str] = ""
    peak_learning_rate: ClassVar[float]
    elementwise: ClassVar[bool] = False

    @abstractmethod
    def build(
        self, parameters: Iterable[tuple[str, nn.Parameter]], *, learning_rate: float
    ) -> torch.optim.Optimizer:
        """A torch optimiser over the named parameters."""

    def multiplications(self, parameters: Iterable[nn.Parameter]) -> float:
        """How many a step takes beside those of the gradient, where these are more than a few an entry."""
        return 0.0
