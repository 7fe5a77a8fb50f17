"""The protocol of priors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from isthmus.spec import Spec

if TYPE_CHECKING:
    from torch import Tensor, nn

    from isthmus.types import Context, Distribution


@dataclass
class Prior(Spec, ABC):
    """p(z): what codes are like before any data are seen."""

    family: ClassVar[str] = "priors"

    def state(self, size: int) -> nn.Module | None:
        """Parameters and buffers of this prior, or None."""
        return None

    @abstractmethod
    def log_prob(self, z: Tensor, state: nn.Module | None) -> Tensor:
        """z (batch, size) -> (batch,) log density in nats."""

    @abstractmethod
    def sample(self, like: Tensor, context: Context, state: nn.Module | None) -> Tensor:
        """Codes of the shape of ``like`` (n, size)."""

    def kl(self, posterior: Distribution, z: Tensor, state: nn.Module | None) -> Tensor:
        """(batch,) KL(q || p) in nats; by default the single-sample estimate at ``z`` drawn from q."""
        return posterior.log_prob(z) - self.log_prob(z, state)
