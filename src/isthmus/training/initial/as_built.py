"""What torch sets by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from isthmus.training.initial.initial import Initial

if TYPE_CHECKING:
    import torch

    from isthmus.composition import Composition
    from isthmus.types import Batch


@dataclass
class AsBuilt(Initial):
    """Leave the weights as the modules' own constructors drew them (PyTorch's defaults; a custom module's own)."""

    alias = "as_built"

    def __call__(self, network: Composition, *, batch: Batch | None, generator: torch.Generator) -> None:
        return None
