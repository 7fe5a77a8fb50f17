"""What was damaged counts more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

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
        nats: Tensor = network.nll(forward.output, forward.x, damaged)
        return nats
