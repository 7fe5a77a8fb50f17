"""A chain of linear layers and activations with its gradient written out by hand.

For small layers most of a training step is the bookkeeping of automatic differentiation: at 32 rows of a
30-64-32-8 network five sixths of it. Here a step is the products themselves, into buffers that are there already.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from isthmus.nn.activations import ACTIVATIONS, Activation

_aten = torch.ops.aten


@dataclass(frozen=True)
class _Derivative:
    """How a gradient passes an activation: ``rule(gradient, kept)``, kept being its output or its input."""

    rule: Callable[[Tensor, Tensor], Tensor]
    of_input: bool = False


_DERIVATIVES: dict[str, _Derivative] = {
    "relu": _Derivative(lambda gradient, output: _aten.threshold_backward(gradient, output, 0)),
    "leaky_relu": _Derivative(
        lambda gradient, output: _aten.leaky_relu_backward(gradient, output, 0.01, self_is_result=True)
    ),
    "elu": _Derivative(
        lambda gradient, output: _aten.elu_backward(gradient, 1, 1, 1, is_result=True, self_or_result=output)
    ),
    "tanh": _Derivative(_aten.tanh_backward),
    "sigmoid": _Derivative(_aten.sigmoid_backward),
    "gelu": _Derivative(_aten.gelu_backward, of_input=True),
    "silu": _Derivative(_aten.silu_backward, of_input=True),
    "softplus": _Derivative(lambda gradient, x: _aten.softplus_backward(gradient, x, 1, 20), of_input=True),
}


#: Activations whose derivative is a function of their output may overwrite their input.
_IN_PLACE: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu_,
    "leaky_relu": nn.functional.leaky_relu_,
    "elu": nn.functional.elu_,
    "tanh": torch.tanh_,
    "sigmoid": torch.sigmoid_,
}


#: For each link of a pass its input, and what its activation's derivative is a function of.
Kept = list[tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Link:
    """One layer of a chain: its linear map and the activation after it (``identity`` for none)."""

    layer: nn.Linear
    activation: str


def links_of(modules: Sequence[nn.Module]) -> list[Link] | None:
    """The layers of a sequence of modules, or None where it holds anything but linear layers and activations."""
    links: list[Link] = []
    for module in modules:
        if type(module) is nn.Linear and module.bias is not None:
            links.append(Link(module, "identity"))
        elif isinstance(module, Activation) and links and links[-1].activation == "identity":
            links[-1] = Link(links[-1].layer, module.name)
        else:
            return None
    return links


class Chain:
    """Forward and backward through a list of links.

    dtype : what products are computed in; weights, biases and gradients stay float32.
    ``parameters`` are views of the one tensor ``flat``, their gradients views of ``flat.grad``, so that an
    optimiser that works entry by entry has one tensor to update.
    """

    def __init__(self, links: Sequence[Link], dtype: torch.dtype = torch.float32) -> None:
        self.links = list(links)
        self.dtype = dtype
        parameters = [tensor for link in self.links for tensor in (link.layer.weight, link.layer.bias)]
        self.flat = nn.Parameter(torch.cat([parameter.detach().flatten() for parameter in parameters]))
        gradient = torch.zeros_like(self.flat)
        self.flat.grad = gradient
        self._gradients = [(of_weight, of_bias) for of_weight, _, of_bias in self._views(gradient)]
        for link, (weight, _, bias), gradients in zip(
            self.links, self._views(self.flat.data), self._gradients, strict=True
        ):
            link.layer.weight.data, link.layer.bias.data = weight, bias
            link.layer.weight.grad, link.layer.bias.grad = gradients
        self._low = self.flat.data if dtype == torch.float32 else self.flat.data.to(dtype)
        self._weights = self._views(self._low)
        self._functions = [
            None
            if link.activation == "identity"
            else _IN_PLACE.get(link.activation, ACTIVATIONS[link.activation])
            for link in self.links
        ]
        self._derivatives = [_DERIVATIVES.get(link.activation) for link in self.links]

    def _views(self, flat: Tensor) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Each link's weight, transposed weight and bias as views of ``flat``."""
        views, start = [], 0
        for link in self.links:
            weight, bias = link.layer.weight, link.layer.bias
            matrix = flat[start : start + weight.numel()].view_as(weight)
            start += weight.numel()
            views.append((matrix, matrix.t(), flat[start : start + bias.numel()]))
            start += bias.numel()
        return views

    @torch.no_grad()
    def forward(self, x: Tensor, first: int = 0, last: int | None = None) -> tuple[Tensor, Kept]:
        """x (batch, in) -> output (batch, out) float32 of the links from ``first`` to before ``last``, and what
        :meth:`backward` needs of them.

        That is, for each link, its input and what its activation's derivative is a function of.
        """
        if self.dtype != torch.float32 and not first:
            self._low.copy_(self.flat.data)
        h = x.to(self.dtype)
        kept: Kept = []
        for (_, transposed, bias), function, derivative in zip(
            self._weights[first:last], self._functions[first:last], self._derivatives[first:last], strict=True
        ):
            before = torch.addmm(bias, h, transposed)
            after = before if function is None else function(before)
            kept.append((h, before if derivative is not None and derivative.of_input else after))
            h = after
        return h.float(), kept

    @torch.no_grad()
    def backward(
        self, gradient: Tensor, kept: Kept, first: int = 0, more: Sequence[Tensor | None] = ()
    ) -> Tensor:
        """gradient (batch, out) of the loss by the output of the last of the links that ``kept`` is of -> the gradients
        of their parameters, written in place.

        first : the first of the links. more : for each link but the last, what else the loss's gradient by its output
        is, besides what comes back through the links after it. Returns the gradient by the input, (batch, in), where
        ``first`` is not the first link of all.
        """
        gradient = gradient.to(self.dtype)
        for place in range(first + len(kept) - 1, first - 1, -1):
            entering, watched = kept[place - first]
            extra = more[place - first] if place - first < len(more) else None
            if extra is not None:
                gradient.add_(extra)
            derivative = self._derivatives[place]
            if derivative is not None:
                gradient = derivative.rule(gradient, watched)
            of_weight, of_bias = self._gradients[place]
            if self.dtype == torch.float32:
                torch.mm(gradient.t(), entering, out=of_weight)
                torch.sum(gradient, 0, out=of_bias)
            else:
                of_weight.copy_(torch.mm(gradient.t(), entering))
                torch.sum(gradient, 0, dtype=torch.float32, out=of_bias)
            if place:
                gradient = torch.mm(gradient, self._weights[place][0])
        return gradient
