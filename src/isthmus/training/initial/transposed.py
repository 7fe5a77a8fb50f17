"""Decoders that begin as their encoders, transposed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from isthmus.errors import ParameterError
from isthmus.nn.dense import TransposedLinear
from isthmus.training.initial.initial import Initial, matrix_of, weighted_layers
from isthmus.training.initial.kaiming import Kaiming

if TYPE_CHECKING:
    from isthmus.composition import Composition
    from isthmus.types import Batch

#: Means are kept so far from the ends of a sigmoid's range before it is undone.
EDGE = 1e-2


@dataclass
class Transposed(Initial):
    """Each decoder layer begins as the transpose of the encoder layer it mirrors; the two are free afterwards.

    A unit then writes into the reconstruction the very direction that it answers to, so whatever fires helps at once
    and few units die.

    Parameters
    ----------
    unit : give each unit of the encoder's last layer a row of length 1, in a random direction, so that no unit is
        ahead of the others. Other layers keep the variance of what passes, as Kaiming's.
    centered : the decoder's last bias begins at what reconstructs the mean of the data, and the biases of the layer
        that reads the data take that mean away. Without it offsets of the data decide which units ever fire.

    Decoder layers that mirror none keep their drawn weights, as do those of a tied decoder, which have none.
    References: Gao et al. (2024), arXiv:2406.04093, section 2.4 and appendix A.1 (transpose, unit columns, the
    geometric median as bias); centring: Simon, Adams and Zou (2026), arXiv:2605.31518.
    Deviations: the mean of a batch instead of the geometric median; layers of any number.
    Raises: ParameterError when ``centered`` and there is no batch.
    """

    alias = "transposed"
    needs_data = True

    unit: bool = True
    centered: bool = True

    @torch.no_grad()
    def __call__(self, network: Composition, *, batch: Batch | None, generator: torch.Generator) -> None:
        if self.centered and batch is None:
            raise ParameterError(
                "Transposed needs a batch of training rows for its mean: pass batch, or set centered=False."
            )
        Kaiming()(network, batch=None, generator=generator)
        down = [layer for layer, _ in weighted_layers(network.encoder)]
        if not down:
            return
        if self.unit:
            matrix = matrix_of(down[-1])
            lengths = torch.linalg.vector_norm(matrix.flatten(1), dim=1)
            matrix /= lengths.view(-1, *[1] * (matrix.ndim - 1))
        up = [module for module in network.decoder.modules() if isinstance(module, _DECODING)]
        if len(up) == len(down):
            for layer, mirrored in zip(up, reversed(down), strict=True):
                _transpose(layer, mirrored)
        if self.centered and batch is not None and up and network.output_shape == network.event.shape:
            _center(network, down[0], up[-1], _mean(batch))


_DECODING = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d, TransposedLinear)


def _transpose(layer: nn.Module, mirrored: nn.Module) -> None:
    """Copy the mirrored layer's weights into a layer that can hold their transpose."""
    weight = cast(Tensor, mirrored.weight)
    if isinstance(layer, nn.Linear) and weight.ndim == 2 and layer.weight.shape == weight.t().shape:
        layer.weight.copy_(weight.t())
    elif isinstance(layer, nn.ConvTranspose2d) and layer.weight.shape == weight.shape:
        layer.weight.copy_(weight)  # what runs backwards through the same window


def _mean(batch: Batch) -> Tensor:
    """(*event) the mean of the known entries, 0 where none is known."""
    if batch.mask is None:
        return batch.x.mean(0)
    return (batch.x * batch.mask).sum(0) / batch.mask.sum(0).clamp_min(1)


def _center(network: Composition, first: nn.Module, last: nn.Module, mean: Tensor) -> None:
    """Let the mean of the data give the first layer zeros, and a code of zeros the mean, as far as biases can."""
    if isinstance(first.bias, Tensor):
        weight = cast(Tensor, first.weight)
        if weight.ndim == 2:
            first.bias.copy_(-(weight @ mean.flatten()))
        else:  # all pixels of a channel share a bias, so they share a mean
            first.bias.copy_(-(weight.sum((2, 3)) @ mean.mean((1, 2))))
    output = _before_the_last_activation(network, mean)
    if isinstance(last.bias, Tensor) and output is not None:
        last.bias.copy_(
            output.flatten() if isinstance(last, nn.Linear | TransposedLinear) else output.mean((1, 2))
        )


def _before_the_last_activation(network: Composition, mean: Tensor) -> Tensor | None:
    """What the decoder's last layer must give so that the reconstruction is ``mean``, None where that is unknown."""
    parts = network.parts
    if parts.loss.on_logits:
        return mean.clamp(EDGE, 1 - EDGE).logit()
    ending: Any = getattr(parts.architecture, "output_activation", "identity")
    if ending == "sigmoid":
        return mean.clamp(EDGE, 1 - EDGE).logit()
    if ending == "tanh":
        return mean.clamp(-1 + EDGE, 1 - EDGE).atanh()
    if ending != "identity":
        return None
    output = mean.clone()
    for column in network.event.columns:
        if column.kind == "categorical":
            output[column.entries] = mean[column.entries].clamp_min(EDGE).log()
    return output
