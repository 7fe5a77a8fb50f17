"""How gradients are made: by automatic differentiation, or by hand where the network is a plain chain."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor, nn

from isthmus.codes.deterministic import Deterministic
from isthmus.nn.chain import Chain, links_of
from isthmus.nn.dense import DenseChain, Reshape
from isthmus.objective import RECONSTRUCTION, total

if TYPE_CHECKING:
    from isthmus.composition import Composition
    from isthmus.training.devices import Devices
    from isthmus.types import Batch, Context


Named = tuple[str, nn.Parameter]


class Step(Protocol):
    """Makes the gradients of one batch; ``forward`` first, then ``backward`` if all is finite."""

    def forward(self, batch: Batch, context: Context, rows: int) -> tuple[dict[str, Tensor], Tensor]:
        """Terms, each (batch,), and their scalar; ``rows`` counts the global batch."""
        ...

    def backward(self, loss: Tensor) -> None:
        """Set the gradients of all parameters."""
        ...

    def trained(self, parameters: Iterable[Named], *, elementwise: bool) -> list[Named]:
        """What the optimiser should update: the parameters, or one tensor that they are views of."""
        ...


class AutogradStep:
    """Any network, any parts, any number of processes."""

    def __init__(self, objective: nn.Module, devices: Devices) -> None:
        self.objective = objective
        self.devices = devices
        self.parameters = [parameter for parameter in objective.parameters() if parameter.requires_grad]

    def forward(self, batch: Batch, context: Context, rows: int) -> tuple[dict[str, Tensor], Tensor]:
        """See :class:`Step`."""
        with self.devices.autocast():
            terms: dict[str, Tensor] = self.objective(batch, context)
        summed = total(terms)
        # Averaged over processes later, so each counts its rows' share of the global batch.
        return terms, summed.mean() if self.devices.count == 1 else summed.sum() * (self.devices.count / rows)

    def backward(self, loss: Tensor) -> None:
        """See :class:`Step`."""
        for parameter in self.parameters:
            parameter.grad = None
        self.devices.backward(loss)

    def trained(self, parameters: Iterable[Named], *, elementwise: bool) -> list[Named]:
        """See :class:`Step`."""
        return list(parameters)


class ChainStep:
    """A dense encoder and decoder around a plain code, one loss, no penalties: the gradient written out."""

    def __init__(self, network: Composition, chain: Chain) -> None:
        self.network = network
        self.chain = chain
        self._backward: tuple[Tensor, list[tuple[Tensor, Tensor]]] | None = None

    def forward(self, batch: Batch, context: Context, rows: int) -> tuple[dict[str, Tensor], Tensor]:
        """See :class:`Step`."""
        parts, x, mask = self.network.parts, batch.x, batch.mask
        x_corrupt = x
        if parts.corruption is not None:
            x_corrupt = parts.corruption(x, context, mask=mask, event=self.network.event)
        if x.ndim > 2:
            x, x_corrupt, mask = x.flatten(1), x_corrupt.flatten(1), None if mask is None else mask.flatten(1)
        output, kept = self.chain.forward(x_corrupt)
        nats, gradient = parts.loss.with_gradient(
            output, x, mask=mask, event=self.network.event, state=self.network.loss_state
        )
        self._backward = (gradient.div_(rows), kept)
        return {RECONSTRUCTION: nats}, nats.mean()

    def backward(self, loss: Tensor) -> None:
        """See :class:`Step`."""
        if self._backward is not None:
            self.chain.backward(*self._backward)
            self._backward = None

    def trained(self, parameters: Iterable[Named], *, elementwise: bool) -> list[Named]:
        """See :class:`Step`."""
        return [("flat", self.chain.flat)] if elementwise else list(parameters)


def fastest(network: Composition, objective: nn.Module, devices: Devices) -> Step:
    """The hand-written step where network and parts allow it, else automatic differentiation."""
    parts = network.parts
    plain = (
        parts.code == Deterministic(parts.code.size) and not parts.penalties and network.loss_state is None
    )
    halves = [half for half in (network.encoder, network.decoder) if type(half) is DenseChain]
    if plain and devices.count == 1 and len(halves) == 2:
        modules = [block for half in halves for block in half.blocks if not isinstance(block, Reshape)]
        links = links_of(modules)
        if links is not None and all(parameter.requires_grad for parameter in network.parameters()):
            dtype = torch.bfloat16 if devices.precision == "bfloat16" else torch.float32
            return ChainStep(network, Chain(links, dtype))
    return AutogradStep(objective, devices)
