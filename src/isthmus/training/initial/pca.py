"""Principal directions, layer by layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from isthmus.errors import ParameterError
from isthmus.nn.dense import TransposedLinear
from isthmus.training.initial.initial import Initial, matrix_of, weighted_layers
from isthmus.training.initial.orthogonal import Orthogonal, orthonormal

if TYPE_CHECKING:
    from isthmus.composition import Composition
    from isthmus.types import Batch

#: Numbers of patches, about, that the directions of a convolution are taken from.
PATCH_NUMBERS = 8_000_000
#: Slope s of activations with f(a) - f(-a) = s a for every a: two units of opposite sign carry a whole line.
_PAIRING = {"relu": 1.0, "gelu": 1.0, "silu": 1.0, "softplus": 1.0, "leaky_relu": 1.01}


@dataclass
class PCA(Initial):
    """Encoder layers project on the principal directions of what they read, decoder layers are their transposes.

    Each encoder layer reads the outputs of the layers before it on a batch, centres them by its bias and takes the
    directions of largest variance, one a unit. The mirrored decoder layer is the transpose, its bias the mean that
    was subtracted. Units beyond the number of inputs are filled with random orthonormal directions, which the next
    layer and the decoder ignore at first.

    A rectifier would lose half of every direction, so before relu, leaky_relu, gelu, silu and softplus each
    direction gets two units of opposite sign ("looks linear": Balduzzi et al. 2017, arXiv:1702.08591, section 4),
    as long as the layer has two units a code number. Such a network, like a linear one, starts as the PCA of the batch.

    Deviations: tanh, sigmoid and elu layers take single directions, so a network of them starts near PCA at best; so
    does one whose output is squashed or read as logits. Convolutions take the principal directions of the patches
    they read, without pairs, and overlapping patches are not inverted exactly. Layers of the decoder that mirror
    none of the encoder's are orthogonal.

    References: principal components as a linear autoencoder, Baldi and Hornik (1989), Neural Networks 2.
    Random: the filled directions only. Raises: ParameterError when there is no batch.
    """

    alias = "pca"
    needs_data = True

    def __call__(self, network: Composition, *, batch: Batch | None, generator: torch.Generator) -> None:
        if batch is None:
            raise ParameterError("PCA needs a batch of training rows: pass batch, or use Orthogonal().")
        Orthogonal()(network, batch=None, generator=generator)
        halves = [list(weighted_layers(half)) for half in (network.encoder, network.decoder)]
        pairs = all(isinstance(layer, nn.Linear) for half in halves for layer, _ in half)
        readers: list[_Reader] = []
        for layer, activation in halves[0]:
            slope = _PAIRING.get(activation, 0.0) if pairs else 0.0
            code_size = network.parts.code.size
            last = layer is halves[0][-1][0]
            above = readers[-1] if readers else None
            readers.append(
                _Reader(above, slope, code_size, most=code_size if last else None, generator=generator)
            )
        handles = [
            layer.register_forward_pre_hook(reader)
            for (layer, _), reader in zip(halves[0], readers, strict=True)
        ]
        was_training = network.training
        network.eval()
        try:
            with torch.no_grad():
                network.encoder(batch.x)
        finally:
            network.train(was_training)
            for handle in handles:
                handle.remove()
        _mirror(network.decoder, readers[::-1])


class _Reader:
    """A forward pre-hook that sets a layer from what it is about to read, and keeps how to undo it.

    A layer reads units; the ``readout`` (lines, units) of the layer above turns them into the lines they carry,
    joining pairs and leaving out filled units. ``most`` : directions that are not to be exceeded, None for no limit.
    """

    def __init__(
        self,
        above: _Reader | None,
        slope: float,
        code_size: int,
        *,
        most: int | None,
        generator: torch.Generator,
    ) -> None:
        self.above = above
        self.slope = slope
        self.code_size = code_size
        self.most = most
        self.generator = generator
        self.readout = torch.empty(0)
        self.back = torch.empty(0)  # (inputs, units): what the mirrored layer multiplies its units by
        self.mean = torch.empty(0)  # (inputs,): and what it adds
        self.weight = torch.empty(0)

    def __call__(self, layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        units = _read(layer, inputs[0])
        if units is None:
            return
        readout = torch.eye(units.shape[1], dtype=torch.float64)
        if self.above is not None and self.above.readout.shape[-1] == units.shape[1]:
            readout = self.above.readout
        lines = units @ readout.t()
        matrix = matrix_of(layer)
        width = matrix.shape[0]
        slope = self.slope if width // 2 >= min(self.code_size, lines.shape[1]) else 0.0
        room = min(width // 2 if slope else width, self.most or width, lines.shape[1])
        mean = lines.mean(0)
        directions = _principal(lines - mean, room, self.generator)
        self.readout = _carried(room, width, slope)
        # The signs of a readout put each line on its unit, or on its pair of units.
        spread, spread_above = (torch.sign(value).t() for value in (self.readout, readout))
        weight = spread @ directions @ readout
        used = int(spread.abs().sum())
        filled = min(width, self.most or width) - used
        if filled > 0:
            weight[used : used + filled] = orthonormal(filled, weight.shape[1], self.generator)
        self.back = spread_above @ directions.t() @ self.readout
        self.mean = spread_above @ mean
        matrix.copy_(weight.view(matrix.shape))
        self.weight = matrix
        if isinstance(layer.bias, Tensor):
            layer.bias.detach().copy_(-spread @ directions @ mean)


def _read(layer: nn.Module, x: Tensor) -> Tensor | None:
    """What a layer multiplies its matrix by, (rows, inputs) float64; for a convolution its patches."""
    if isinstance(layer, nn.Linear):
        return x.flatten(1).double()
    if not isinstance(layer, nn.Conv2d) or layer.groups > 1 or isinstance(layer.padding, str):
        return None
    every = max(1, x.numel() * layer.weight[0, 0].numel() // PATCH_NUMBERS)
    patches = F.unfold(
        x[::every], layer.kernel_size, dilation=layer.dilation, padding=layer.padding, stride=layer.stride
    )
    return patches.transpose(1, 2).flatten(0, 1).double()


@torch.no_grad()
def _mirror(decoder: nn.Module, readers: Sequence[_Reader]) -> None:
    """Set the decoder's layers to the transposes of the encoder's, the last one's first."""
    kinds = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d, TransposedLinear)
    layers = [module for module in decoder.modules() if isinstance(module, kinds)]
    if len(layers) != len(readers):
        return
    for layer, reader in zip(layers, readers, strict=True):
        if isinstance(layer, nn.Linear) and layer.out_features == len(reader.back):
            if layer.in_features <= reader.back.shape[1]:
                layer.weight.copy_(reader.back[:, : layer.in_features])
                layer.bias.copy_(reader.mean)
        elif isinstance(layer, TransposedLinear) and len(layer.bias) == len(reader.mean):
            layer.bias.copy_(reader.mean)
        elif isinstance(layer, nn.ConvTranspose2d) and layer.weight.shape == reader.weight.shape:
            # Patches overlap: each pixel is the mean of what they say of it.
            share = min(1.0, math.prod(layer.stride) / math.prod(layer.kernel_size))
            layer.weight.copy_(reader.weight * share)
            _set_mean(layer.bias, reader.mean)
        elif isinstance(layer, nn.Conv2d) and layer.weight.shape == reader.weight.transpose(0, 1).shape:
            layer.weight.copy_(reader.weight.transpose(0, 1).flip(2, 3) / math.prod(layer.kernel_size))
            _set_mean(layer.bias, reader.mean)


def _set_mean(bias: Tensor | None, mean: Tensor) -> None:
    """The mean of a patch's entries a channel, where the layer has biases."""
    if bias is not None:
        bias.copy_(mean.view(len(bias), -1).mean(1))


def _carried(lines: int, width: int, slope: float) -> Tensor:
    """The readout (lines, width) of units that carry one line each, or two a line; filled units are ignored."""
    one = torch.eye(lines, dtype=torch.float64)
    parts = [one / slope, -one / slope] if slope else [one]
    filled = width - lines * len(parts)
    return torch.cat([*parts, torch.zeros(lines, filled, dtype=torch.float64)], dim=1)


def _principal(centered: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """(count, inputs) orthonormal directions of largest variance, the strongest first, signs fixed."""
    rows, inputs = centered.shape
    directions: Tensor
    if inputs <= rows:
        directions = torch.linalg.eigh(centered.t() @ centered).eigenvectors.flip(1).t()
    else:
        directions = torch.linalg.svd(centered, full_matrices=False).Vh
    if len(directions) < count:  # fewer rows than units: complete the basis
        rest = orthonormal(inputs, inputs, generator)[:, :count]
        rest = rest - directions.t() @ (directions @ rest)
        directions = torch.cat([directions, torch.linalg.qr(rest).Q.t()])
    directions = directions[:count]
    strongest = directions.gather(1, directions.abs().argmax(1, keepdim=True))
    return directions * torch.where(strongest < 0, -1.0, 1.0)
