"""Variance kept both ways."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

from torch import Tensor, nn

from isthmus.nn.activations import gain
from isthmus.training.initial.initial import Initial, fans, weighted_layers, zero_bias

if TYPE_CHECKING:
    import torch

    from isthmus.composition import Composition
    from isthmus.types import Batch


@dataclass
class Xavier(Initial):
    """Weights of variance 2 gain^2 / (fan-in + fan-out), a compromise between the two directions; biases 0.

    Parameters
    ----------
    distribution : ``uniform``, as in the paper, or ``normal``, of the same variance.

    References: Glorot and Bengio (2010), AISTATS, equations 12 and 16.
    Deviation: multiplied by the gain of the activation that follows, which the paper takes as 1. In convolutions
    the fans count the kernel, and strides as often as they really reach.
    """

    alias = "xavier"

    distribution: Literal["uniform", "normal"] = "uniform"

    def __call__(self, network: Composition, *, batch: Batch | None, generator: torch.Generator) -> None:
        for layer, activation in weighted_layers(network):
            std = gain(activation) * (2.0 / sum(fans(layer))) ** 0.5
            weight = cast(Tensor, layer.weight)
            if self.distribution == "normal":
                nn.init.normal_(weight, std=std, generator=generator)
            else:
                nn.init.uniform_(weight, -(3**0.5) * std, 3**0.5 * std, generator=generator)
            zero_bias(layer)
