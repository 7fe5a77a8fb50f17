"""The protocol of losses."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch

from isthmus.spec import Spec

if TYPE_CHECKING:
    from torch import Tensor, nn

    from isthmus.types import Event


@dataclass
class Loss(Spec, ABC):
    """The negative log-likelihood of data under the decoder's output, constants dropped.

    ``alias`` is the short name that ``Autoencoder(loss=...)`` and the command line take.
    ``link`` says what turns the decoder's last linear layer into :meth:`mean`: losses that work on logits
    declare ``"sigmoid"`` and refuse an architecture that squashes its output again.
    """

    family: ClassVar[str] = "losses"
    alias: ClassVar[str] = ""
    on_logits: ClassVar[bool] = False

    def output_shape(self, event: Event) -> tuple[int, ...]:
        """Shape per sample that the decoder must give."""
        return event.shape

    def state(self, event: Event) -> nn.Module | None:
        """Parameters and buffers of this loss, or None."""
        return None

    def refusals(self, low: float, high: float) -> Iterator[str]:
        """Sentences about data in [low, high] (model units) that this loss cannot take."""
        yield from ()

    @abstractmethod
    def __call__(
        self, output: Tensor, x: Tensor, *, mask: Tensor | None, event: Event, state: nn.Module | None
    ) -> Tensor:
        """output (batch, *output_shape), x (batch, *event) -> (batch,) nats, summed over known entries."""

    def with_gradient(
        self, output: Tensor, x: Tensor, *, mask: Tensor | None, event: Event, state: nn.Module | None
    ) -> tuple[Tensor, Tensor]:
        """What the call gives, (batch,), and the gradient of its sum by the output, (batch, *output_shape).

        By automatic differentiation here; losses whose gradient is simpler than their value write it out.
        """
        with torch.enable_grad():
            leaf = output.detach().requires_grad_()
            nats = self(leaf, x, mask=mask, event=event, state=state)
            (gradient,) = torch.autograd.grad(nats.sum(), leaf)
        return nats.detach(), gradient

    @abstractmethod
    def mean(self, output: Tensor, *, event: Event) -> Tensor:
        """The reconstruction in model space, (batch, *event): the mean of x given the output."""
