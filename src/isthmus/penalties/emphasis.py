"""What was damaged counts more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import torch

from isthmus.penalties.penalty import Penalty
from isthmus.spec import In

if TYPE_CHECKING:
    from torch import Tensor, nn

    from isthmus.types import Forward


@dataclass
class Emphasis(Penalty):
    """The reconstruction loss once more, on the known entries that the corruption changed.

    Parameters
    ----------
    weight : in [0, inf), how much more a damaged entry counts than one that was left: alpha / beta - 1 of the paper,
        where damaged entries have weight alpha and the others beta. 0 counts all alike.

    The paper's loss is alpha sum_damaged l_j + beta sum_others l_j = beta (sum_all l_j + (alpha / beta - 1)
    sum_damaged l_j). Here beta is 1, so that the reconstruction term keeps its unit.

    Without a corruption, and in evaluation, nothing is damaged and the penalty is 0.
    Call: (batch,) nats. Random: nothing. Gradient: that of the loss.
    References: Vincent et al. (2010), JMLR 11, section 3.4 ("putting an emphasis on corrupted dimensions").
    Deviations: an entry counts as damaged where its value changed, not where it was drawn: a black pixel that is masked
    by black is not. Full emphasis (beta = 0) is the limit of large weights.
    """

    weight: Annotated[float, In("[0, inf)")] = 1.0

    def __call__(self, forward: Forward, state: nn.Module | None) -> Tensor:
        damaged = forward.x_corrupt != forward.x
        if forward.mask is not None:
            damaged &= forward.mask
        network: Any = forward.network
        output = forward.output.flatten(1)
        nats, slope = network.parts.loss.with_gradient(
            output.detach(),
            forward.x.flatten(1),
            mask=damaged.flatten(1),
            event=network.event,
            state=network.loss_state,
        )
        value: Tensor = _Known.apply(output, nats, slope)  # type: ignore[no-untyped-call]
        return value


class _Known(torch.autograd.Function):
    """A number a row whose gradient is known already: a third of the cost of finding it again."""

    @staticmethod
    def forward(ctx: Any, output: Tensor, nats: Tensor, slope: Tensor) -> Tensor:
        """output (batch, entries) that nats (batch,) were made of; slope (batch, entries) their gradient by it."""
        ctx.save_for_backward(slope)
        return nats.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        """The chain rule."""
        (slope,) = ctx.saved_tensors
        return gradients[0][:, None] * slope, None, None
