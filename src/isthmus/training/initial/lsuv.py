"""Unit variance measured, not assumed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from isthmus.errors import ParameterError
from isthmus.training.initial.initial import Initial, weighted_layers
from isthmus.training.initial.orthogonal import Orthogonal

if TYPE_CHECKING:
    from isthmus.composition import Composition
    from isthmus.types import Batch


@dataclass
class LSUV(Initial):
    """Orthogonal matrices, then each layer scaled so that its output has variance 1 on a batch of the data.

    One pass: a layer's output is rescaled, and its matrix with it, before the next layer reads it. The variance is
    over rows and units, before the activation. A layer whose output is constant is left orthogonal.

    References: Mishkin and Matas (2016), arXiv:1511.06422, algorithm 1. Deviations: a linear layer needs no
    iteration, one division is exact; a tied decoder has no matrices of its own and keeps the encoder's.
    Raises: ParameterError when there is no batch.
    """

    alias = "lsuv"
    needs_data = True

    def __call__(self, network: Composition, *, batch: Batch | None, generator: torch.Generator) -> None:
        if batch is None:
            raise ParameterError("LSUV needs a batch of training rows: pass batch, or use Orthogonal().")
        Orthogonal(gain=1.0)(network, batch=None, generator=generator)
        seen: set[nn.Module] = set()
        handles = [layer.register_forward_hook(_scaler(seen)) for layer, _ in weighted_layers(network)]
        was_training = network.training
        network.eval()
        try:
            with torch.no_grad():
                network.decode(network.encode(batch.x).z)
        finally:
            network.train(was_training)
            for handle in handles:
                handle.remove()


def _scaler(seen: set[nn.Module]) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor]:
    """A forward hook that makes the output's variance 1 when the layer first runs."""

    def scale(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        std = output.double().std(correction=0)
        if layer in seen or not std > 1e-12:
            return output
        seen.add(layer)
        cast(Tensor, layer.weight).div_(std)
        return (output / std).to(output.dtype)

    return scale
