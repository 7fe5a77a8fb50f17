"""The protocol of initial weights."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from torch import nn

from isthmus.nn.activations import Activation
from isthmus.spec import Spec

if TYPE_CHECKING:
    import torch

    from isthmus.composition import Composition
    from isthmus.types import Batch


@dataclass
class Initial(Spec, ABC):
    """Sets the weights of a network before its first step.

    ``needs_data`` asks for a batch of training rows; what is set are the matrices and biases of linear and
    convolutional layers, never normalisation layers.
    """

    family: ClassVar[str] = "training.initial"
    alias: ClassVar[str] = ""
    needs_data: ClassVar[bool] = False

    @abstractmethod
    def __call__(self, network: Composition, *, batch: Batch | None, generator: torch.Generator) -> None:
        """Set the weights in place. Random: from ``generator`` only."""


def weighted_layers(network: nn.Module) -> Iterator[tuple[nn.Module, str]]:
    """Every linear and convolutional layer with the name of the activation that follows it, in forward order."""
    kinds = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
    modules = [module for module in network.modules() if isinstance(module, (*kinds, Activation))]
    for module, after in zip(modules, [*modules[1:], None], strict=True):
        if not isinstance(module, Activation):
            yield module, after.name if isinstance(after, Activation) else "identity"
