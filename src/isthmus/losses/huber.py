"""A loss that outliers do not rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from torch.nn import functional as F

from isthmus.losses.loss import Loss
from isthmus.spec import In

if TYPE_CHECKING:
    from torch import Tensor, nn

    from isthmus.types import Event


@dataclass
class Huber(Loss):
    """Half the squared error within ``delta`` of the target, linear beyond it, summed over known entries.

    Parameters
    ----------
    delta : in (0, inf), model units. Large values give the squared error.

    Call: output, x (batch, *event) -> (batch,) nats. Random: nothing.
    References: Huber (1964), Annals of Mathematical Statistics 35, section 3.
    """

    alias = "huber"

    delta: Annotated[float, In("(0, inf)")] = 1.0

    def __call__(
        self, output: Tensor, x: Tensor, *, mask: Tensor | None, event: Event, state: nn.Module | None
    ) -> Tensor:
        entries = F.huber_loss(output, x, reduction="none", delta=self.delta)
        if mask is not None:
            entries = entries * mask
        return entries.flatten(1).sum(1)

    def mean(self, output: Tensor, *, event: Event) -> Tensor:
        return output
