"""A small pair of modules of a user's kind, for trying ``Custom``."""

from __future__ import annotations

import math

from torch import Tensor, nn


class Encoder(nn.Module):
    """One smooth hidden layer. (batch, *event) -> (batch, encoder_width)."""

    def __init__(self, event_shape: tuple[int, ...], encoder_width: int, nodes: int = 6) -> None:
        super().__init__()
        self.hidden = nn.Sequential(nn.Flatten(), nn.Linear(math.prod(event_shape), nodes), nn.Tanh())
        self.last = nn.Linear(nodes, encoder_width)
        self.hidden_layers = (self.hidden,)

    def forward(self, x: Tensor) -> Tensor:
        code: Tensor = self.last(self.hidden(x))
        return code


class Decoder(nn.Module):
    """One linear layer. (batch, code_size) -> (batch, *output_shape)."""

    def __init__(self, code_size: int, output_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.output_shape = output_shape
        self.layer = nn.Linear(code_size, math.prod(output_shape))

    def forward(self, z: Tensor) -> Tensor:
        output: Tensor = self.layer(z)
        return output.reshape(len(z), *self.output_shape)
