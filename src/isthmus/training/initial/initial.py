"""The protocol of initial weights."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, cast

from torch import Tensor, nn

from isthmus.nn.activations import Activation
from isthmus.spec import Spec

if TYPE_CHECKING:
    import torch

    from isthmus.composition import Composition
    from isthmus.types import Batch

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


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
    kinds = (nn.Linear, *_CONVOLUTIONS, *_TRANSPOSED, Activation)
    modules = [module for module in network.modules() if isinstance(module, kinds)]
    for module, after in zip(modules, [*modules, None][1:], strict=True):
        if not isinstance(module, Activation):
            yield module, after.name if isinstance(after, Activation) else "identity"


def fans(layer: nn.Module) -> tuple[float, float]:
    """Numbers that one output of a layer is made of, and outputs that one input reaches.

    A transposed convolution of stride s reaches each output with 1 / s of its kernel along each axis, so PyTorch's
    count, which takes its output channels for inputs, is not used there.
    """
    weight = cast(Tensor, layer.weight)
    field = math.prod(weight.shape[2:])
    if isinstance(layer, _TRANSPOSED):
        return weight.shape[0] * field / math.prod(layer.stride), float(weight.shape[1] * field)
    stride = math.prod(layer.stride) if isinstance(layer, _CONVOLUTIONS) else 1
    return float(weight.shape[1] * field), weight.shape[0] * field / stride


def matrix_of(layer: nn.Module) -> Tensor:
    """A layer's weight as (outputs, inputs x kernel): a view, so that what is written to it is the layer's."""
    weight = cast(Tensor, layer.weight).detach()
    return weight.transpose(0, 1) if isinstance(layer, _TRANSPOSED) else weight


def zero_bias(layer: nn.Module) -> None:
    """Set a layer's bias to 0 where it has one."""
    if isinstance(layer.bias, Tensor):
        nn.init.zeros_(layer.bias)
