"""Fully connected layers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from isthmus.architectures.architecture import Architecture
from isthmus.errors import ParameterError
from isthmus.nn.activations import SQUASHING
from isthmus.nn.dense import DenseChain, Reshape, TransposedLinear, flat_size, linear_layers
from isthmus.nn.style import Style
from isthmus.spec import In

if TYPE_CHECKING:
    from torch import nn


@dataclass
class Dense(Architecture):
    """Fully connected encoder and decoder.

    Parameters
    ----------
    hidden : nodes of each hidden layer of the encoder, first layer first; empty for a single linear map.
    decoder_hidden : the same for the decoder, from the code outwards; None mirrors the encoder.
    activation : after every hidden layer.
    output_activation : after the decoder's last layer; losses on logits want ``identity``.
    tied : the decoder's matrices are the encoder's, transposed (Vincent et al. 2010, section 2.2).
    normalization : ``batch`` or ``layer`` normalisation before each hidden activation.
    dropout : in [0, 1), share of hidden activations dropped in training.

    Raises: ParameterError when ``tied`` meets a decoder of its own or a code that needs a wider encoder.
    References: Hinton and Salakhutdinov (2006), Science 313.
    """

    hidden: tuple[Annotated[int, In("[1, inf)")], ...] = (512, 256)
    decoder_hidden: tuple[Annotated[int, In("[1, inf)")], ...] | None = None
    activation: Literal[
        "relu", "leaky_relu", "elu", "gelu", "silu", "softplus", "tanh", "sigmoid", "identity"
    ] = "relu"
    output_activation: Literal["identity", "sigmoid", "tanh", "relu", "softplus"] = "identity"
    tied: bool = False
    normalization: Literal["none", "batch", "layer"] = "none"
    dropout: Annotated[float, In("[0, 1)")] = 0.0

    def conflicts(self) -> Iterator[str]:
        if self.tied and self.decoder_hidden is not None:
            yield "tied of Dense shares the encoder's matrices, so decoder_hidden must be None: drop one of them."

    @property
    def squashes(self) -> bool:
        return self.output_activation in SQUASHING

    def build(
        self, event_shape: tuple[int, ...], encoder_width: int, code_size: int, output_shape: tuple[int, ...]
    ) -> tuple[nn.Module, nn.Module]:
        down = linear_layers([flat_size(event_shape), *self.hidden, encoder_width])
        if self.tied:
            if encoder_width != code_size or output_shape != event_shape:
                raise ParameterError(
                    f"tied of Dense needs an encoder that ends in the code itself, but this code of {code_size} takes "
                    f"{encoder_width} numbers of the encoder: set tied=False or choose another code."
                )
            up: list[nn.Module] = [TransposedLinear(layer) for layer in reversed(down)]
            up_widths = [*reversed(self.hidden), flat_size(event_shape)]
        else:
            mirrored = (
                tuple(reversed(self.hidden)) if self.decoder_hidden is None else tuple(self.decoder_hidden)
            )
            up_widths = [*mirrored, flat_size(output_shape)]
            up = list(linear_layers([code_size, *up_widths]))
        style = Style(self.activation, self.normalization, self.dropout)
        encoder = DenseChain(down, [*self.hidden, encoder_width], style)
        decoder = DenseChain(up, up_widths, style, output_activation=self.output_activation)
        if len(output_shape) > 1:
            decoder.blocks.append(Reshape(output_shape))
        return encoder, decoder
