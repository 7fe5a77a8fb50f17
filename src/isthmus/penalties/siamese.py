"""Pairs of rows: alike when their labels are, a margin apart when they are not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import torch
from torch import Tensor, nn

from isthmus.nn.pairs import distances, pairs_by_label
from isthmus.penalties.labelled import LabelledPenalty
from isthmus.spec import In

if TYPE_CHECKING:
    from isthmus.composition import Composition
    from isthmus.types import Forward


@dataclass
class Siamese(LabelledPenalty):
    """Contrastive loss over all pairs of a batch: half the squared distance of two codes of one class, half the
    squared shortfall below ``margin`` of two codes of different classes.

    Parameters
    ----------
    weight : in [0, inf), nats per squared unit of code.
    margin : in (0, inf), distance in code space beyond which different classes are left alone.
    balanced : pairs of one class and pairs of different classes count half each, however many there are, which
        matters where classes are many. False: every pair counts alike, as in the paper.
    units : (start, stop), the units of the code that it sees; None means all of them.

    Call: (batch,), for each row the mean over the other rows of its batch; their mean over the batch is the mean over
    all pairs. Unlabelled rows are in no pair. With several processes pairs are formed within each process's rows.
    Random: nothing. Gradient: 0 between two equal codes, whatever their labels.
    References: Hadsell, Chopra and LeCun (2006), CVPR, equation 4, with D the Euclidean distance of two codes.
    Deviations: every pair of the batch instead of drawn pairs, and a mean instead of a sum.
    """

    couples_rows: ClassVar[bool] = True

    weight: Annotated[float, In("[0, inf)")] = 1.0
    margin: Annotated[float, In("(0, inf)")] = 1.0
    balanced: bool = False

    def state(self, network: Composition) -> nn.Module | None:
        self.width(network.parts.code.size)
        return None

    def __call__(self, forward: Forward, state: nn.Module | None) -> Tensor:
        alike, different = pairs_by_label(*self.labels(forward))
        apart = distances(self.seen(forward.z))
        near = 0.5 * apart.square() * alike
        far = 0.5 * (self.margin - apart).clamp(min=0).square() * different
        if self.balanced:
            return 0.5 * (_mean(near, alike) + _mean(far, different))
        return _mean(near + far, alike | different)


def _mean(values: Tensor, counted: Tensor) -> Tensor:
    """(batch, batch) -> (batch,) mean of each row over the pairs counted; 0 where there are none."""
    return values.sum(1) / torch.clamp(counted.sum(1), min=1)
