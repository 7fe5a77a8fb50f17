"""Variance kept through rectifiers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from torch import Tensor, nn

from isthmus.nn.activations import gain
from isthmus.training.initial.initial import Initial, fans, weighted_layers, zero_bias

if TYPE_CHECKING:
    import torch

    from isthmus.composition import Composition
    from isthmus.types import Batch


@dataclass
class Kaiming(Initial):
    """Normal weights of standard deviation gain / sqrt(fan-in), biases 0.

    The gain is that of the activation which follows: sqrt(2) for rectifiers, 1 for a linear layer.
    References: He et al. (2015), arXiv:1502.01852, equation 10.
    """

    alias = "kaiming"

    def __call__(self, network: Composition, *, batch: Batch | None, generator: torch.Generator) -> None:
        for layer, activation in weighted_layers(network):
            fan_in, _ = fans(layer)
            nn.init.normal_(
                cast(Tensor, layer.weight), std=gain(activation) / fan_in**0.5, generator=generator
            )
            zero_bias(layer)
