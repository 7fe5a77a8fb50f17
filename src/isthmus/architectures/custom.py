"""The user's own modules."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from isthmus import registry
from isthmus.architectures.architecture import Architecture

if TYPE_CHECKING:
    from torch import nn


@dataclass
class Custom(Architecture):
    """A pair of ``torch.nn.Module`` classes (or functions that return modules), named by import path.

    Parameters
    ----------
    encoder : ``"package.module:Name"``, called as ``Name(event_shape, encoder_width, **encoder_options)``;
        its module maps (batch, *event_shape) to (batch, encoder_width).
    decoder : likewise, called as ``Name(code_size, output_shape, **decoder_options)``; its module maps
        (batch, code_size) to (batch, *output_shape).
    encoder_options, decoder_options : keyword arguments, JSON values.

    A saved model that names such code loads only when the caller allows the module:
    ``isthmus.load(folder, allow=("package.module",))``.
    Raises: ModelError when the path cannot be imported.
    """

    encoder: str
    decoder: str
    encoder_options: dict[str, Any] = field(default_factory=dict)
    decoder_options: dict[str, Any] = field(default_factory=dict)

    def build(
        self, event_shape: tuple[int, ...], encoder_width: int, code_size: int, output_shape: tuple[int, ...]
    ) -> tuple[nn.Module, nn.Module]:
        make_encoder, make_decoder = (
            registry.foreign(path, allow=(path.partition(":")[0],)) for path in (self.encoder, self.decoder)
        )
        return (
            make_encoder(event_shape, encoder_width, **self.encoder_options),
            make_decoder(code_size, output_shape, **self.decoder_options),
        )

    def to_json(self) -> dict[str, Any]:
        return super().to_json() | {"encoder": {"import": self.encoder}, "decoder": {"import": self.decoder}}
