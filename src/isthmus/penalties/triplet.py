"""Triplets of rows: an anchor nearer to its own class than to others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from isthmus.nn.pairs import distances, pairs_by_label
from isthmus.penalties.labelled import LabelledPenalty
from isthmus.spec import In

if TYPE_CHECKING:
    from isthmus.composition import Composition
    from isthmus.types import Forward


@dataclass
class Triplet(LabelledPenalty):
    """Each row, as an anchor, must be nearer to rows of its class than to rows of other classes by a margin.

    Parameters
    ----------
    weight : in [0, inf), nats per unit of code.
    margin : in (0, inf), in units of distance; None is the soft margin log(1 + exp(difference)), which needs
        mining="hard".
    mining : ``hard``: the farthest row of the same class against the nearest of another. ``all``: every triplet, their
        mean. ``violating``: the mean over those triplets only that break the margin.
    units : (start, stop), the units of the code that it sees; None means all of them.

    Call: (batch,), scaled so that the mean over the batch is the mean over its anchors; a row without another of its
    class, or without one of another class, is no anchor and contributes nothing, and neither does an unlabelled one.
    ``all`` and ``violating`` cost time and memory of the batch squared, not cubed: sums over triplets are read off
    sorted distances. With several processes triplets are formed within each process's rows.
    Random: nothing. Gradient: 0 between two equal codes.
    References: Schroff, Kalenichenko and Philbin (2015), CVPR, equation 3; Hermans, Beyer and Leibe (2017),
    arXiv:1703.07737, equations 5 (batch hard) and 6 (batch all) and section 2 (soft margin, non-zero mean).
    Deviation: distances, not squared ones, as in the second paper; codes are not put on a sphere.
    """

    couples_rows: ClassVar[bool] = True

    weight: Annotated[float, In("[0, inf)")] = 1.0
    margin: Annotated[float, In("(0, inf)")] | None = 1.0
    mining: Literal["hard", "all", "violating"] = "hard"

    def conflicts(self) -> Iterator[str]:
        yield from super().conflicts()
        if self.margin is None and self.mining != "hard":
            yield (
                f"margin of Triplet must be a number with mining={self.mining!r}: the soft margin needs mining='hard'."
            )

    def state(self, network: Composition) -> nn.Module | None:
        self.width(network.parts.code.size)
        return None

    def __call__(self, forward: Forward, state: nn.Module | None) -> Tensor:
        alike, different = pairs_by_label(*self.labels(forward))
        apart = distances(self.seen(forward.z))
        anchors = alike.any(1) & different.any(1)
        if self.margin is None or self.mining == "hard":
            values = self._hardest(apart, alike, different)
        else:
            sums, violating = _hinges(apart, alike, different, self.margin)
            every = alike.sum(1) * different.sum(1)
            values = sums / torch.clamp(violating if self.mining == "violating" else every, min=1)
        share = anchors.sum().clamp(min=1) / max(1, len(anchors))
        return torch.where(anchors, values, 0.0) / share

    def _hardest(self, apart: Tensor, alike: Tensor, different: Tensor) -> Tensor:
        """(batch,) the worst triplet of each anchor; anything finite where it has none."""
        far = torch.where(alike, apart, 0.0)
        near = torch.where(different, apart, torch.inf)
        if not len(apart):
            return apart.sum(1)
        nearest = near.amin(1)
        difference = far.amax(1) - torch.where(nearest.isinf(), 0.0, nearest)
        return F.softplus(difference) if self.margin is None else (difference + self.margin).clamp(min=0)


def _hinges(apart: Tensor, alike: Tensor, different: Tensor, margin: float) -> tuple[Tensor, Tensor]:
    """For each anchor (batch,): the sum of its triplets' shortfalls, and how many fall short.

    The negatives of an anchor that are nearer than t = margin + distance of a positive are the first k of the sorted
    ones, and their shortfalls sum to k t minus the sum of the first k distances.
    """
    order = torch.where(different, apart.detach(), torch.inf).argsort(1)
    ordered = apart.gather(1, order)
    counted = different.gather(1, order)
    sums = F.pad(torch.where(counted, ordered, 0.0).cumsum(1), (1, 0))
    limits = apart + margin
    keys = torch.where(counted, ordered.detach(), torch.inf)
    first = torch.searchsorted(keys, limits.detach())
    shortfalls = first * limits - sums.gather(1, first)
    return torch.where(alike, shortfalls, 0.0).sum(1), torch.where(alike, first, 0).sum(1)
