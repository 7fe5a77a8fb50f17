"""A trained network asked for codes and outputs: in evaluation mode, each row independent of the others to the bit."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
import torch

from isthmus.composition import by_blocks

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from isthmus.composition import Composition

    Array = NDArray[np.float32]


def device_of(network: Composition) -> torch.device:
    """Where its parameters lie."""
    return next((value.device for value in network.parameters()), torch.device("cpu"))


def evaluated(
    network: Composition, function: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor
) -> torch.Tensor:
    """``function`` of x (n, ...), block by block."""
    network.eval()
    with torch.inference_mode():
        return by_blocks(function, x.to(device_of(network)), network=network)


def encoded(network: Composition, x: torch.Tensor) -> Array:
    """x (n, *event) -> codes (n, code)."""
    return _array(evaluated(network, lambda rows: network.encode(rows).z, x))


def decoded(network: Composition, codes: Array) -> Array:
    """codes (n, code) -> means of the decoder's distributions (n, *event)."""
    means = evaluated(network, lambda rows: network.mean(network.decode(rows)), torch.from_numpy(codes))
    return _array(means)


def reconstructed(network: Composition, x: torch.Tensor, *, steps: int = 1) -> Array:
    """x (n, *event) -> its reconstruction, fed back ``steps`` - 1 times."""
    return _array(evaluated(network, functools.partial(network.reconstruct, steps=steps), x))


def _array(values: torch.Tensor) -> Array:
    return np.asarray(values.float().cpu().numpy())
