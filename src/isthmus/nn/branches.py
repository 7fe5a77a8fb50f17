"""Encoders side by side."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class BranchedEncoder(nn.Module):
    """Two encoders of one input, whose outputs are put side by side unit by unit.

    x (batch, *event) -> (batch, k (first + second units)), where each encoder gives k numbers a unit, k blocks of its
    units; so what comes out is k blocks of all units, as one encoder would give.
    """

    def __init__(self, first: nn.Module, second: nn.Module, sizes: tuple[int, int]) -> None:
        super().__init__()
        self.first, self.second, self.sizes = first, second, sizes
        # An attribute that modules of modules share: listed, not registered a second time.
        self.hidden_layers = (*getattr(first, "hidden_layers", ()), *getattr(second, "hidden_layers", ()))

    def forward(self, x: Tensor) -> Tensor:
        outputs = (self.first(x), self.second(x))
        blocks = [output.unflatten(1, (-1, size)) for output, size in zip(outputs, self.sizes, strict=True)]
        return torch.cat(blocks, dim=2).flatten(1)


class PartlyDeafDecoder(nn.Module):
    """A decoder whose gradient reaches the first units of the code by a share only. (batch, code) -> its output."""

    def __init__(self, decoder: nn.Module, units: int, share: float) -> None:
        super().__init__()
        self.decoder, self.units, self.share = decoder, units, share

    def forward(self, z: Tensor) -> Tensor:
        first, second = z[:, : self.units], z[:, self.units :]
        if z.requires_grad:
            first = first.detach() + self.share * (first - first.detach())
        output: Tensor = self.decoder(torch.cat([first, second], dim=1))
        return output
