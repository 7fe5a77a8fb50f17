"""The protocol of corruptions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from isthmus.spec import Spec

if TYPE_CHECKING:
    from torch import Tensor

    from isthmus.types import Context, Event


@dataclass
class Corruption(Spec, ABC):
    """Damage done to the input during training; the target stays clean, evaluation sees clean data."""

    family: ClassVar[str] = "corruptions"

    @abstractmethod
    def __call__(self, x: Tensor, context: Context, *, mask: Tensor | None, event: Event) -> Tensor:
        """x (batch, *event) -> x_corrupt, same shape, dtype and device; x itself is left as it was."""
