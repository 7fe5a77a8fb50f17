"""The protocol of architectures."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from isthmus.spec import Spec

if TYPE_CHECKING:
    from torch import nn


@dataclass
class Architecture(Spec, ABC):
    """How many layers, how many nodes a layer, of which kind.

    ``build`` gives two modules. The encoder maps (batch, *event) to (batch, encoder_width), the decoder
    (batch, code_size) to (batch, *output_shape). An encoder lists the modules whose outputs count as
    hidden activations in its attribute ``hidden_layers``, first one first (an empty tuple where it has none).
    """

    family: ClassVar[str] = "architectures"

    @property
    def squashes(self) -> bool:
        """True when the decoder's output passes a bounded activation, so that losses on logits must refuse."""
        return False

    @abstractmethod
    def build(
        self, event_shape: tuple[int, ...], encoder_width: int, code_size: int, output_shape: tuple[int, ...]
    ) -> tuple[nn.Module, nn.Module]:
        """Encoder and decoder with PyTorch's own initial weights, drawn from the global generator."""
