"""Products with the Jacobian of an encoder and its code, row by row, without the Jacobian itself.

``push`` carries changes of the input forwards to changes of the code, ``pull`` carries directions in code space
backwards to gradients by the input. Both are differentiable, so that a penalty on the Jacobian can be trained.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from isthmus.nn.activations import ACTIVATIONS
from isthmus.nn.chain import Link, links_of
from isthmus.nn.dense import DenseChain
from isthmus.types import Context

if TYPE_CHECKING:
    from isthmus.composition import Composition

#: Derivatives of activations as functions of their outputs ...
_OF_OUTPUT: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": lambda y: y.detach().sign(),
    "leaky_relu": lambda y: torch.where(y > 0, y.new_tensor(1.0), y.new_tensor(0.01)),
    "elu": lambda y: 1.0 + y.clamp(max=0.0),
    "softplus": lambda y: -torch.expm1(-y),
    "tanh": lambda y: 1.0 - y.square(),
    "sigmoid": lambda y: y * (1.0 - y),
}
#: ... or, where two inputs share an output, of their inputs.
_OF_INPUT: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": lambda x: torch.special.ndtr(x) + x * torch.exp(-0.5 * x.square()) * 0.3989422804014327,
    "silu": lambda x: torch.sigmoid(x) * (1.0 + x * (1.0 - torch.sigmoid(x))),
}


class LinearMap(ABC):
    """A matrix for every row of a batch, known by its products."""

    @abstractmethod
    def push(self, v: Tensor) -> Tensor:
        """v (samples, batch, inputs) -> (samples, batch, outputs): the matrix times v."""

    @abstractmethod
    def pull(self, u: Tensor) -> Tensor:
        """u (samples, batch, outputs) -> (samples, batch, inputs): the transposed matrix times u."""


@dataclass(frozen=True)
class ChainMap(LinearMap):
    """The Jacobian of linear layers with activations between them.

    weights : (out, in) of every layer. slopes : (batch, out) derivatives of the activation after every layer, None
    for no activation.
    """

    weights: Sequence[Tensor]
    slopes: Sequence[Tensor | None]

    def push(self, v: Tensor) -> Tensor:
        for weight, slope in zip(self.weights, self.slopes, strict=True):
            v = v @ weight.t()
            v = v if slope is None else v * slope
        return v

    def pull(self, u: Tensor) -> Tensor:
        for weight, slope in zip(reversed(self.weights), reversed(self.slopes), strict=True):
            u = (u if slope is None else u * slope) @ weight
        return u


@dataclass(frozen=True)
class GraphMap(LinearMap):
    """The Jacobian of any function of rows, by automatic differentiation.

    x, y : one point and the function's value there, with the graph between them.
    """

    x: Tensor
    y: Tensor

    def push(self, v: Tensor) -> Tensor:
        # Forward by twice backward: what pull gives is linear in u, and its transpose is what pushes.
        u = torch.zeros_like(self.y, requires_grad=True)
        (pulled,) = torch.autograd.grad(self.y, self.x, u, create_graph=True)
        return torch.stack(
            [torch.autograd.grad(pulled, u, one.view_as(pulled), create_graph=True)[0] for one in v]
        )

    def pull(self, u: Tensor) -> Tensor:
        return torch.stack(
            [
                torch.autograd.grad(self.y, self.x, one.view_as(self.y), create_graph=True)[0].flatten(1)
                for one in u
            ]
        )


@dataclass(frozen=True)
class CodeJacobian(LinearMap):
    """The Jacobian of the code by the input at one batch of rows: the encoder's, then the code's own.

    encoder, code : the two maps. inputs, outputs : numbers a sample of the input and of the code. h : (batch,
    encoder_width), the point between them. elementwise : whether the code is.
    """

    encoder: LinearMap
    code: GraphMap
    inputs: int
    outputs: int
    h: Tensor
    elementwise: bool

    def push(self, v: Tensor) -> Tensor:
        return self.code.push(self.encoder.push(v))

    def pull(self, u: Tensor) -> Tensor:
        return self.encoder.pull(self.code.pull(u))

    def factors(self) -> tuple[Tensor, Tensor] | None:
        """Slopes (batch, encoder_width) and matrix (encoder_width, inputs) whose product this is, row by row.

        For one linear layer under an elementwise code; None elsewhere.
        """
        if not self.elementwise or not isinstance(self.encoder, ChainMap) or len(self.encoder.weights) > 1:
            return None
        (slopes,) = torch.autograd.grad(self.code.y.sum(), self.code.x, create_graph=True)
        return slopes, self.encoder.weights[0]


def linearized(
    network: Composition, x: Tensor, *, h: Tensor | None = None, activations: Sequence[Tensor] = ()
) -> CodeJacobian:
    """The Jacobian at x (batch, *event) of the network's deterministic code: posterior means, evaluation mode.

    h, activations : of a pass over the same x, (batch, encoder_width) and hidden layers first to last; where they
    are given, a plain chain of layers is not computed again. Encoders with normalization or dropout, and those that
    are no chains, are passed again in evaluation mode.
    Call it with gradients enabled.
    """
    links = links_of(list(network.encoder.blocks)) if type(network.encoder) is DenseChain else None
    encoder: LinearMap
    if links is None:
        x = x.detach().requires_grad_()
        h = _in_evaluation(network.encoder, x)
        encoder = GraphMap(x, h)
    else:
        entering = x.flatten(1).to(links[0].layer.weight.dtype)
        if h is None:
            h, activations = _passed(links, entering)
        encoder = _chain_map(links, entering, activations)
    if not h.requires_grad:
        h = h.detach().requires_grad_()
    code = network.parts.code
    z = code(h, Context(), network.code_state).z
    return CodeJacobian(encoder, GraphMap(h, z), network.event.size, code.size, h, code.elementwise)


def _in_evaluation(encoder: nn.Module, x: Tensor) -> Tensor:
    """The encoder's output in evaluation mode: running statistics, no dropout, nothing updated."""
    modes = [(module, module.training) for module in encoder.modules()]
    encoder.eval()
    try:
        h: Tensor = encoder(x)
    finally:
        for module, training in modes:
            module.training = training
    return h.float() if h.dtype == torch.bfloat16 else h


def _passed(links: Sequence[Link], x: Tensor) -> tuple[Tensor, list[Tensor]]:
    """The output of a chain and the outputs of its hidden layers."""
    outputs = []
    for link in links:
        x = F.linear(x, link.layer.weight, link.layer.bias)
        x = ACTIVATIONS[link.activation](x)
        outputs.append(x)
    return outputs[-1], outputs[:-1]


def _chain_map(links: Sequence[Link], x: Tensor, activations: Sequence[Tensor]) -> ChainMap:
    slopes: list[Tensor | None] = []
    for link, entering, leaving in zip(links, (x, *activations), (*activations, None), strict=True):
        if leaving is None or link.activation == "identity":
            slopes.append(None)
        elif link.activation in _OF_OUTPUT:
            slopes.append(_OF_OUTPUT[link.activation](leaving))
        else:
            before = F.linear(entering, link.layer.weight, link.layer.bias)
            slopes.append(_OF_INPUT[link.activation](before))
    return ChainMap([link.layer.weight for link in links], slopes)
