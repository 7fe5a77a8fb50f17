"""Convolutional encoders and decoders for images of any size."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from isthmus.nn.activations import Activation
from isthmus.nn.style import Style, Window


def sizes_down(size: int, layers: int, window: Window) -> list[int]:
    """Lengths of one image axis before each of ``layers`` convolutions and after the last."""
    sizes = [size]
    for _ in range(layers):
        sizes.append((sizes[-1] + 2 * window.padding - window.kernel) // window.stride + 1)
    return sizes


class UpConvolution(nn.Module):
    """A transposed convolution, or a nearest-neighbour enlargement and a convolution, to an exact size.

    (batch, in_channels, h, w) -> (batch, out_channels, *size).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        window: Window,
        *,
        source: tuple[int, int],
        size: tuple[int, int],
        upsampling: str,
    ) -> None:
        super().__init__()
        self.size = size
        self.layer: nn.Module
        self.enlarges = upsampling == "nearest"
        if self.enlarges:
            self.layer = nn.Conv2d(in_channels, out_channels, window.kernel, padding="same")
            return
        # What the strided convolution dropped at the border comes back as output padding, in [0, stride).
        rest = [
            target - ((length - 1) * window.stride - 2 * window.padding + window.kernel)
            for length, target in zip(source, size, strict=True)
        ]
        self.layer = nn.ConvTranspose2d(
            in_channels,
            out_channels,
            window.kernel,
            window.stride,
            window.padding,
            output_padding=(rest[0], rest[1]),
        )

    def forward(self, x: Tensor) -> Tensor:
        if self.enlarges:
            x = F.interpolate(x, size=self.size, mode="nearest")
        enlarged: Tensor = self.layer(x)
        return enlarged


class ConvolutionalEncoder(nn.Module):
    """Strided convolutions, then one linear layer. (batch, channels, h, w) -> (batch, width)."""

    def __init__(
        self,
        channels: Sequence[int],
        window: Window,
        style: Style,
        *,
        last: tuple[int, int],
        width: int,
    ) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        hidden: list[nn.Module] = []
        for above, below in pairwise(channels):
            blocks.append(nn.Conv2d(above, below, window.kernel, window.stride, window.padding))
            blocks += _finish(below, style, hidden)
        self.blocks = nn.ModuleList(blocks)
        self.hidden_layers = tuple(hidden)
        self.to_code = nn.Linear(channels[-1] * last[0] * last[1], width)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        code: Tensor = self.to_code(x.flatten(1))
        return code


class ConvolutionalDecoder(nn.Module):
    """One linear layer, then convolutions that enlarge. (batch, code_size) -> (batch, channels, h, w)."""

    def __init__(
        self,
        channels: Sequence[int],
        window: Window,
        style: Style,
        *,
        sizes: Sequence[tuple[int, int]],
        code_size: int,
        output_activation: str,
        upsampling: str,
    ) -> None:
        super().__init__()
        self.first = (channels[0], *sizes[0])
        self.from_code = nn.Linear(code_size, channels[0] * sizes[0][0] * sizes[0][1])
        hidden: list[nn.Module] = []
        blocks = _finish(channels[0], style, hidden)
        for step, (above, below) in enumerate(pairwise(channels)):
            blocks.append(
                UpConvolution(
                    above, below, window, source=sizes[step], size=sizes[step + 1], upsampling=upsampling
                )
            )
            if step < len(channels) - 2:
                blocks += _finish(below, style, hidden)
        if output_activation != "identity":
            blocks.append(Activation(output_activation))
        self.blocks = nn.ModuleList(blocks)

    def forward(self, z: Tensor) -> Tensor:
        x: Tensor = self.from_code(z).reshape(z.shape[0], *self.first)
        for block in self.blocks:
            x = block(x)
        return x


def _finish(channels: int, style: Style, hidden: list[nn.Module]) -> list[nn.Module]:
    """What follows a convolution: normalisation, activation (noted in ``hidden``), dropout."""
    blocks: list[nn.Module] = []
    if style.normalization == "batch":
        blocks.append(nn.BatchNorm2d(channels))
    elif style.normalization == "layer":
        blocks.append(nn.GroupNorm(1, channels))
    hidden.append(Activation(style.activation))
    blocks.append(hidden[-1])
    if style.dropout:
        blocks.append(nn.Dropout(style.dropout))
    return blocks
