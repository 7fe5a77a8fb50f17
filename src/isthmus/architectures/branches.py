"""Two encoders side by side, one decoder."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

from isthmus.architectures.architecture import Architecture
from isthmus.architectures.dense import Dense
from isthmus.errors import ParameterError
from isthmus.nn.branches import BranchedEncoder, PartlyDeafDecoder
from isthmus.spec import In

if TYPE_CHECKING:
    from torch import nn


@dataclass
class Branches(Architecture):
    """The first units of the code come from one encoder, the others from another; one decoder reads them all.

    Parameters
    ----------
    first : the architecture whose encoder gives the first ``first_size`` units; its decoder is not used.
    second : the architecture whose encoder gives the other units, and whose decoder reads the whole code.
    first_size : units of the code that the first encoder gives; None halves the code (the first is the smaller half).
    decoder_gradient : in [0, 1], the share of the decoder's gradient that reaches the first encoder. 1 is an ordinary
        gradient; at 0 the first encoder learns only from penalties on its units, such as a classifier, and the
        decoder takes its units as they are.

    A code that needs several numbers a unit (mean and log variance) gets them of the encoder that gives the unit.
    ``hidden_layers`` are those of the first encoder, then those of the second.
    Raises: ParameterError when the code has too few units for two encoders, or when ``second`` is tied, because its
    decoder is wider than its encoder.
    References: Portenier et al. (2018), VISAPP, "Fine-grained retrieval with autoencoders" (separate
    classifier-autoencoder).
    """

    first: Architecture = field(default_factory=Dense)
    second: Architecture = field(default_factory=Dense)
    first_size: Annotated[int, In("[1, inf)")] | None = None
    decoder_gradient: Annotated[float, In("[0, 1]")] = 1.0

    @property
    def exact_gradient(self) -> bool:
        """False when part of the decoder's gradient is held back."""
        return self.decoder_gradient == 1

    @property
    def squashes(self) -> bool:
        return self.second.squashes

    def build(
        self, event_shape: tuple[int, ...], encoder_width: int, code_size: int, output_shape: tuple[int, ...]
    ) -> tuple[nn.Module, nn.Module]:
        first_size = self.first_size or code_size // 2
        if not 0 < first_size < code_size:
            raise ParameterError(
                f"Branches divides the code between two encoders, but first_size={self.first_size} of a code of "
                f"{code_size} leaves one of them nothing: use a larger code or a smaller first_size."
            )
        numbers, rest = divmod(encoder_width, code_size)
        if rest:
            raise ParameterError(
                f"Branches needs a code that takes equally many numbers a unit, but this one of {code_size} units "
                f"takes {encoder_width}: choose another code."
            )
        sizes = (first_size, code_size - first_size)
        encoder, _ = self.first.build(event_shape, numbers * sizes[0], sizes[0], output_shape)
        other, decoder = self.second.build(event_shape, numbers * sizes[1], code_size, output_shape)
        if self.decoder_gradient < 1:
            decoder = PartlyDeafDecoder(decoder, first_size, self.decoder_gradient)
        return BranchedEncoder(encoder, other, sizes), decoder
