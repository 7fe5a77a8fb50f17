"""The protocol of codes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from isthmus.spec import In, Spec

if TYPE_CHECKING:
    from torch import Tensor, nn

    from isthmus.composition import BetweenSteps
    from isthmus.types import Context, Encoded


@dataclass
class Code(Spec, ABC):
    """The bottleneck: what the encoder's output becomes before the decoder reads it.

    A code of ``size`` numbers a sample takes ``encoder_width`` numbers of the encoder (mean and log
    variance of a Gaussian are two for one). Calls are functions of their arguments; what a code has to
    remember or learn lives in the module that :meth:`state` makes. ``couples_rows`` says that in training a row's
    code depends on the other rows of its batch; ``elementwise`` that each number of the code (its posterior's mean)
    follows from one number of the encoder's output and none of those is used twice, so that the code's Jacobian has
    one entry a row.
    """

    family: ClassVar[str] = "codes"
    couples_rows: ClassVar[bool] = False
    elementwise: ClassVar[bool] = False

    size: Annotated[int, In("[1, inf)")]

    @property
    def encoder_width(self) -> int:
        """Numbers per sample that the encoder must give."""
        return self.size

    def state(self) -> nn.Module | None:
        """Parameters and buffers of this code, or None."""
        return None

    def between_steps(self, between: BetweenSteps, state: nn.Module | None) -> None:
        """Called after every step of a training, never in evaluation: the place to change weights by hand."""

    @abstractmethod
    def __call__(self, h: Tensor, context: Context, state: nn.Module | None) -> Encoded:
        """h (batch, encoder_width) -> z (batch, size); deterministic when context.generator is None."""

    def sample_prior(self, n: int, context: Context, state: nn.Module | None) -> Tensor | None:
        """(n, size) codes from the code's own prior, or None where it has none."""
        return None

    def encoder_parameters(self, state: nn.Module | None) -> Iterable[nn.Parameter]:
        """Parameters of the state that belong to inference, for parts that treat encoder and decoder apart."""
        return ()
