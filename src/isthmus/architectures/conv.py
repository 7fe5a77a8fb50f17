"""Convolutional layers for images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from isthmus.architectures.architecture import Architecture
from isthmus.errors import ParameterError
from isthmus.nn.activations import SQUASHING
from isthmus.nn.convolutional import ConvolutionalDecoder, ConvolutionalEncoder, sizes_down
from isthmus.nn.style import Style, Window
from isthmus.spec import In

if TYPE_CHECKING:
    from torch import nn


@dataclass
class Conv(Architecture):
    """Strided convolutions down to the code and mirrored ones up again, for any image size and channel count.

    Parameters
    ----------
    channels : feature maps of each layer of the encoder; the decoder mirrors them.
    kernel_size, stride : of every convolution, in pixels.
    padding : ``same`` pads by half a kernel, ``valid`` not at all.
    upsampling : ``transposed`` convolutions, or ``nearest`` enlargement followed by a convolution, which
        avoids checkerboards (Odena et al. 2016).
    activation, output_activation, normalization, dropout : as in :class:`isthmus.architectures.Dense`;
        ``layer`` normalises over all channels and pixels of a sample.

    The decoder's output has exactly the image's size, odd sizes included.
    Raises: ParameterError when the data are not images or are too small for so many layers.
    """

    channels: tuple[Annotated[int, In("[1, inf)")], ...] = (16, 32, 64)
    kernel_size: Annotated[int, In("[1, inf)")] = 3
    stride: Annotated[int, In("[1, inf)")] = 2
    padding: Literal["same", "valid"] = "same"
    upsampling: Literal["transposed", "nearest"] = "transposed"
    activation: Literal[
        "relu", "leaky_relu", "elu", "gelu", "silu", "softplus", "tanh", "sigmoid", "identity"
    ] = "relu"
    output_activation: Literal["identity", "sigmoid", "tanh", "relu", "softplus"] = "identity"
    normalization: Literal["none", "batch", "layer"] = "none"
    dropout: Annotated[float, In("[0, 1)")] = 0.0

    @property
    def squashes(self) -> bool:
        return self.output_activation in SQUASHING

    def build(
        self, event_shape: tuple[int, ...], encoder_width: int, code_size: int, output_shape: tuple[int, ...]
    ) -> tuple[nn.Module, nn.Module]:
        if len(event_shape) != 3 or len(output_shape) != 3:
            raise ParameterError(
                f"Conv needs images of shape (n, h, w) or (n, h, w, c), but a sample here has shape {event_shape}: "
                f"use Dense, or reshape the data to images."
            )
        if not self.channels:
            raise ParameterError(
                "channels of Conv must name at least one layer, got (): try channels=(16, 32)."
            )
        padding = self.kernel_size // 2 if self.padding == "same" else 0
        window = Window(self.kernel_size, self.stride, padding)
        heights, widths = (sizes_down(size, len(self.channels), window) for size in event_shape[1:])
        if min(heights[-1], widths[-1]) < 1:
            raise ParameterError(
                f"channels of Conv has {len(self.channels)} layers, too many for images of "
                f"{event_shape[1]} x {event_shape[2]} pixels: use fewer, a smaller stride or padding='same'."
            )
        style = Style(self.activation, self.normalization, self.dropout)
        encoder = ConvolutionalEncoder(
            [event_shape[0], *self.channels],
            window,
            style,
            last=(heights[-1], widths[-1]),
            width=encoder_width,
        )
        decoder = ConvolutionalDecoder(
            [*reversed(self.channels), output_shape[0]],
            window,
            style,
            sizes=list(zip(reversed(heights), reversed(widths), strict=True)),
            code_size=code_size,
            output_activation=self.output_activation,
            upsampling=self.upsampling,
        )
        return encoder, decoder
