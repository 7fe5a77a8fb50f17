"""How gradients are made: by automatic differentiation, or by hand where the network is a plain chain."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn

from isthmus.codes.code import Code
from isthmus.codes.deterministic import Deterministic
from isthmus.nn.chain import Chain, Kept, links_of
from isthmus.nn.dense import DenseChain, Reshape
from isthmus.objective import RECONSTRUCTION, Objective, total
from isthmus.penalties.penalty import Penalty
from isthmus.types import Forward

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
    """A dense encoder and decoder, whose gradients are written out; what lies between is differentiated automatically.

    The code, its terms and the penalties see one leaf of the graph for each of the encoder's output, its hidden
    activations and the decoder's output. Their gradients by these are added where the chain's own gradient comes by.
    """

    def __init__(self, objective: Objective, chain: Chain, devices: Devices, *, middle: int) -> None:
        """middle : the number of the encoder's links in the chain, which holds the decoder's behind them."""
        self.objective = objective
        self.network = objective.network
        self.chain = chain
        self.devices = devices
        self.middle = middle
        parts = self.network.parts
        self.penalized = any(penalty.weight for penalty in parts.penalties)
        self.plain = not self.penalized and parts.code == Deterministic(parts.code.size)
        self.watched = any("activations" in penalty.needs for penalty in parts.penalties)
        self.parameters = [value for value in self.network.parameters() if value.requires_grad]
        of_chain = {id(value) for link in chain.links for value in link.layer.parameters()}
        self.others = [value for value in self.parameters if id(value) not in of_chain]
        self.apart = {id(value) for value in self.others}
        self._backward: Callable[[], None] | None = None

    def forward(self, batch: Batch, context: Context, rows: int) -> tuple[dict[str, Tensor], Tensor]:
        """See :class:`Step`."""
        corruption = self.network.parts.corruption
        x_corrupt = batch.x
        if corruption is not None:
            x_corrupt = corruption(batch.x, context, mask=batch.mask, event=self.network.event)
        if self.plain:
            output, kept = self.chain.forward(_flat(x_corrupt))
            nats, gradient = self._loss(output, batch, rows)
            self._backward = lambda: self._chain_only(gradient, kept)
            return {RECONSTRUCTION: nats}, nats.mean()
        return self._through_the_middle(batch, x_corrupt, context, rows)

    def _loss(self, output: Tensor, batch: Batch, rows: int) -> tuple[Tensor, Tensor]:
        """Nats of each row, and the gradient by the output (batch, entries) of their mean over the global batch."""
        network = self.network
        mask = None if batch.mask is None else _flat(batch.mask)
        nats, gradient = network.parts.loss.with_gradient(
            output, _flat(batch.x), mask=mask, event=network.event, state=network.loss_state
        )
        return nats, gradient.div_(rows)

    def _chain_only(self, gradient: Tensor, kept: Kept) -> None:
        self.chain.backward(gradient, kept)
        for parameter in self.others:
            parameter.grad = None

    def _through_the_middle(
        self, batch: Batch, x_corrupt: Tensor, context: Context, rows: int
    ) -> tuple[dict[str, Tensor], Tensor]:
        network = self.network
        h, below = self.chain.forward(_flat(x_corrupt), last=self.middle)
        h = h.detach().requires_grad_()
        activations = (
            [entering.detach().requires_grad_() for entering, _ in below[1:]] if self.watched else []
        )
        with self.devices.autocast():
            encoded = network.parts.code(h, context, network.code_state)
        encoded.h = h
        output, above = self.chain.forward(encoded.z.detach(), first=self.middle)
        nats, gradient = self._loss(output, batch, rows)
        output = output.detach().requires_grad_(self.penalized)
        forward = Forward(
            x=batch.x,
            x_corrupt=x_corrupt,
            mask=batch.mask,
            labels=batch.labels,
            encoded=encoded,
            output=output.view(-1, *network.output_shape),
            network=network,
            context=context,
            activations=activations,
        )
        with self.devices.autocast():
            terms = self.objective.terms(forward, nats)
        more = {
            name: value for name, value in terms.items() if name != RECONSTRUCTION and value.requires_grad
        }
        added = total(more).sum() / rows if more else None

        def backward() -> None:
            self._back(_Pass(h, encoded.z, activations, output, added), gradient, below, above)

        self._backward = backward
        with torch.no_grad():
            return terms, total(terms).mean()

    def _back(self, one: _Pass, gradient: Tensor, below: Kept, above: Kept) -> None:
        """Down through the decoder, the middle and the encoder."""
        found = _Gradients()
        ends: list[tuple[Tensor, Tensor | None]] = []
        if one.added is not None and self.penalized:
            # Penalties first: what they ask of the decoder's output goes back with the loss's own gradient.
            leaves = [one.h, one.output, *one.activations, *self.parameters]
            found.add([(one.added, None)], leaves, again=True)
            gradient = found.onto(gradient, one.output)
        elif one.added is not None:
            ends.append((one.added, None))
        ends.append((one.z, self.chain.backward(gradient, above, first=self.middle)))
        found.add(ends, [one.h, *self.others])
        more = [found.of(leaf) for leaf in one.activations]
        by_h = found.of(one.h)
        self.chain.backward(torch.zeros_like(one.h) if by_h is None else by_h, below, more=more)
        for parameter in self.parameters:
            if parameter.grad is None or id(parameter) in self.apart:
                parameter.grad = found.of(parameter)
            else:
                found.onto(parameter.grad, parameter)

    def backward(self, loss: Tensor) -> None:
        """See :class:`Step`."""
        if self._backward is not None:
            self._backward()
            self._backward = None

    def trained(self, parameters: Iterable[Named], *, elementwise: bool) -> list[Named]:
        """See :class:`Step`.

        Parts that change weights between steps look for the optimizer's state of each by itself.
        """
        if not elementwise or acting(self.network):
            return list(parameters)
        apart = {id(value) for value in self.others}
        return [
            ("flat", self.chain.flat),
            *((name, value) for name, value in parameters if id(value) in apart),
        ]


@dataclass(frozen=True)
class _Pass:
    """Where a pass was cut: leaves of the graph, and what was made of them.

    h, activations, output : leaves. z : made of h. added : the mean of all terms but the reconstruction, or None.
    """

    h: Tensor
    z: Tensor
    activations: list[Tensor]
    output: Tensor
    added: Tensor | None


class _Gradients:
    """Gradients by some tensors, added up over several walks through a graph."""

    def __init__(self) -> None:
        self._found: dict[int, Tensor] = {}

    def add(
        self, ends: Sequence[tuple[Tensor, Tensor | None]], leaves: Sequence[Tensor], *, again: bool = False
    ) -> None:
        """Walk from ``ends``, each with the gradient by it (None for 1), to leaves; ``again`` keeps the graph."""
        walked = []
        for end, start in ends:
            if start is not None and any(end is leaf for leaf in leaves):
                self._sum(end, start)  # a code that is the encoder's output: there is nothing between
            elif end.requires_grad:
                walked.append((end, start))
        if not walked:
            return
        found = torch.autograd.grad(
            [end for end, _ in walked],
            leaves,
            [start for _, start in walked],
            retain_graph=again,
            allow_unused=True,
        )
        for leaf, value in zip(leaves, found, strict=True):
            if value is not None:
                self._sum(leaf, value)

    def _sum(self, leaf: Tensor, value: Tensor) -> None:
        before = self._found.get(id(leaf))
        self._found[id(leaf)] = value if before is None else before + value

    def of(self, leaf: Tensor) -> Tensor | None:
        """The gradient by a leaf, None where there is none."""
        return self._found.get(id(leaf))

    def onto(self, gradient: Tensor, leaf: Tensor) -> Tensor:
        """``gradient`` with that by a leaf added to it in place."""
        found = self.of(leaf)
        return gradient if found is None else gradient.add_(found)


def _flat(x: Tensor) -> Tensor:
    return x.flatten(1) if x.ndim > 2 else x


def acting(network: Composition) -> list[tuple[Any, nn.Module | None]]:
    """Parts that do something between two steps, with their states."""
    parts: list[tuple[Any, nn.Module | None]] = [(network.parts.code, network.code_state)]
    parts += [
        (penalty, network.penalty_state(number)) for number, penalty in enumerate(network.parts.penalties)
    ]
    silent = (Code.between_steps, Penalty.between_steps)
    return [(part, state) for part, state in parts if type(part).between_steps not in silent]


def fastest(network: Composition, objective: nn.Module, devices: Devices) -> Step:
    """The hand-written step where the network is a chain of plain layers, else automatic differentiation."""
    halves = [half for half in (network.encoder, network.decoder) if type(half) is DenseChain]
    # A loss that learns is differentiated with the rest.
    learns = network.loss_state is not None and any(True for _ in network.loss_state.parameters())
    if isinstance(objective, Objective) and devices.count == 1 and len(halves) == 2 and not learns:
        encoder, decoder = (
            links_of([block for block in half.blocks if not isinstance(block, Reshape)]) for half in halves
        )
        chain = [*(encoder or ()), *(decoder or ())]
        free = all(value.requires_grad for link in chain for value in link.layer.parameters())
        if encoder and decoder and free:
            dtype = torch.bfloat16 if devices.precision == "bfloat16" else torch.float32
            return ChainStep(objective, Chain(chain, dtype), devices, middle=len(encoder))
    return AutogradStep(objective, devices)
