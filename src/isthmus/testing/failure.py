"""How a property says that it does not hold."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from isthmus.errors import IsthmusError


class ConformanceError(IsthmusError, AssertionError):
    """A part or recipe breaks a property that all must have."""

    code = "conformance"


class NotApplicable(Exception):  # noqa: N818  (says nothing of a fault)
    """A property that has nothing to say about a part; the message says why."""


def require(holds: object, message: str) -> None:
    """Raise ConformanceError with ``message`` unless ``holds``."""
    if not holds:
        raise ConformanceError(message)


def require_shape(value: Tensor, shape: tuple[int, ...], what: str) -> None:
    """Raise ConformanceError unless ``value`` has ``shape``."""
    require(tuple(value.shape) == shape, f"{what} has shape {tuple(value.shape)}, it must be {shape}.")


def require_same_bits(first: Tensor, second: Tensor, what: str) -> None:
    """Raise ConformanceError unless two tensors are equal to the last bit."""
    same = first.shape == second.shape and first.dtype == second.dtype and torch.equal(first, second)
    if not same:
        raise ConformanceError(f"{what} must be the same bits, {_difference(first, second)}.")


def require_close(first: Tensor, second: Tensor, what: str, *, tolerance: float = 1e-5) -> None:
    """Raise ConformanceError unless two tensors agree, ``tolerance`` being relative to the larger numbers."""
    first, second = first.detach(), second.detach()
    scale = 1.0 + float(second.abs().max()) if second.numel() else 1.0
    close = first.shape == second.shape and torch.allclose(
        first, second, rtol=tolerance, atol=tolerance * scale
    )
    if not close:
        raise ConformanceError(f"{what} must agree within {tolerance:g}, {_difference(first, second)}.")


def require_same_states(first: Mapping[str, Tensor], second: Mapping[str, Tensor], what: str) -> None:
    """Raise ConformanceError unless two state dictionaries are equal to the last bit."""
    require(list(first) == list(second), f"{what} must have the same tensors.")
    for name, value in first.items():
        require_same_bits(value, second[name], f"{name} of {what}")


def _difference(first: Tensor, second: Tensor) -> str:
    if first.shape != second.shape:
        return f"the shapes are {tuple(first.shape)} and {tuple(second.shape)}"
    if first.dtype != second.dtype:
        return f"the types are {first.dtype} and {second.dtype}"
    return f"the largest difference is {float((first.double() - second.double()).abs().max()):.3g}"
