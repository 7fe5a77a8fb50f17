"""A running mean of the weights, which is what a training returns where it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class WeightAverage:
    """The mean over steps of a network's weights and of the running statistics that belong to them.

    values : the means by name, kept by the caller; empty for none. memory : in (0, 1), of a step's weights after the
    next one.
    """

    def __init__(self, network: nn.Module, values: dict[str, Tensor], memory: float) -> None:
        self.network = network
        self.values = values
        self.memory = memory
        self._running = [value for name, value in _floating(network).items() if name in values]
        self._means = [values[name] for name in _floating(network) if name in values]

    @torch.no_grad()
    def update(self, done: int) -> None:
        """Take in the weights after step ``done``, counted from 0."""
        # Younger means remember less, so that the first weights are soon forgotten.
        memory = min(self.memory, (1.0 + done) / (10.0 + done))
        torch._foreach_lerp_(self._means, self._running, 1.0 - memory)

    @torch.no_grad()
    def write(self) -> None:
        """Put the means into the network."""
        for value, mean in zip(self._running, self._means, strict=True):
            value.copy_(mean)

    @contextmanager
    def written(self) -> Iterator[None]:
        """The network with the means in it, for a while."""
        if not self.values:
            yield
            return
        running = copied(self.network)
        self.write()
        yield
        self.network.load_state_dict(running)


def copied(network: nn.Module) -> dict[str, Tensor]:
    """A copy of everything a network would save."""
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


def started(network: nn.Module) -> dict[str, Tensor]:
    """The means before the first step."""
    return {name: value.detach().clone() for name, value in _floating(network).items()}


def _floating(network: nn.Module) -> dict[str, Tensor]:
    return {name: value for name, value in network.state_dict().items() if value.is_floating_point()}
