"""Elementwise functions by name."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from isthmus.errors import ParameterError, nearest

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda x: x,
    "relu": F.relu,
    "leaky_relu": F.leaky_relu,
    "elu": F.elu,
    "gelu": F.gelu,
    "silu": F.silu,
    "softplus": F.softplus,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
}
#: Bounded ones: a decoder that ends in them cannot leave a range.
SQUASHING: dict[str, tuple[float, float]] = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}

_GAINS = {
    "relu": nn.init.calculate_gain("relu"),
    "gelu": nn.init.calculate_gain("relu"),
    "silu": nn.init.calculate_gain("relu"),
    "leaky_relu": nn.init.calculate_gain("leaky_relu"),
    "tanh": nn.init.calculate_gain("tanh"),
    "sigmoid": nn.init.calculate_gain("sigmoid"),
}


def activation(name: str) -> Callable[[Tensor], Tensor]:
    """The function called ``name``; ParameterError with the nearest name otherwise."""
    if name not in ACTIVATIONS:
        near = nearest(name, ACTIVATIONS)
        raise ParameterError(
            f"{name!r} is no activation: did you mean {near!r}." if near else f"unknown {name!r}."
        )
    return ACTIVATIONS[name]


def gain(name: str) -> float:
    """The factor by which initial weights are scaled so that a layer keeps its input's variance.

    Kaiming et al. (2015), section 2.2, for rectifiers; PyTorch's table for tanh and sigmoid; 1 for smooth
    functions near the identity.
    """
    return _GAINS.get(name, 1.0)


class Activation(nn.Module):
    """An elementwise function as a module, so that hooks can watch what passes. (batch, ...) -> same shape."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.function = activation(name)

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)

    def extra_repr(self) -> str:
        return self.name
