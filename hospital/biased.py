"""Initial weights with a bad bias."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import torch

from isthmus.spec import In
from isthmus.training.initial.initial import Initial, weighted_layers
from isthmus.training.initial.kaiming import Kaiming

if TYPE_CHECKING:
    from isthmus.composition import Composition
    from isthmus.types import Batch


@dataclass
class NegativeBias(Initial):
    """Kaiming's weights, and the biases of the encoder's first layer at a negative constant.

    Parameters
    ----------
    bias : in [0, inf), how far below 0.
    """

    bias: Annotated[float, In("[0, inf)")] = 1.0

    def __call__(self, network: Composition, *, batch: Batch | None, generator: torch.Generator) -> None:
        Kaiming()(network, batch=batch, generator=generator)
        first, _ = next(weighted_layers(network.encoder))
        if isinstance(first.bias, torch.Tensor):
            torch.nn.init.constant_(first.bias, -self.bias)
