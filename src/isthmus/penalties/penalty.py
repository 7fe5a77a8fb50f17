"""The protocol of penalties."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from isthmus.spec import In, Spec

if TYPE_CHECKING:
    from torch import Tensor, nn

    from isthmus.composition import BetweenSteps, Composition
    from isthmus.types import Forward


@dataclass
class Penalty(Spec, ABC):
    """What else is asked besides a good reconstruction.

    The objective multiplies by ``weight`` and adds up; a weight of 0 leaves the plain autoencoder.
    ``needs`` names what the pass must collect first: ``"activations"`` of hidden layers, ``"labels"``.
    ``couples_rows`` says that a row's value depends on the other rows of its batch.
    """

    family: ClassVar[str] = "penalties"
    needs: ClassVar[frozenset[str]] = frozenset()
    couples_rows: ClassVar[bool] = False

    weight: Annotated[float, In("[0, inf)")] = 1.0

    def state(self, network: Composition) -> nn.Module | None:
        """Parameters and buffers of this penalty on a network, or None."""
        return None

    def between_steps(self, between: BetweenSteps, state: nn.Module | None) -> None:
        """Called after every step of a training, never in evaluation: the place to change weights by hand."""

    @abstractmethod
    def __call__(self, forward: Forward, state: nn.Module | None) -> Tensor:
        """(batch,) in nats per sample, before the weight."""
