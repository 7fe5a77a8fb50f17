"""The k largest numbers a row, counted over the batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, cast

import torch
from torch import Tensor

from isthmus.codes.code import Code
from isthmus.nn.multiplier import RunningMean
from isthmus.spec import In
from isthmus.types import Encoded

if TYPE_CHECKING:
    from torch import nn

    from isthmus.types import Context

#: Largest numbers are looked for among those above this share of the running threshold, where there are enough.
CANDIDATES = 0.7


@dataclass
class BatchTopK(Code):
    """The k x batch largest positive numbers of a batch: k active units a row on average, more for rows that need more.

    Parameters
    ----------
    size : numbers per code. k : active units per row, on average over a batch; at most ``size``.

    In training a row's code depends on the other rows. Without a generator what exceeds one threshold is kept: the
    running mean of the smallest number kept in a batch.
    Call: h (batch, size) -> z (batch, size), never negative. Random: nothing. Gradient: through what is kept.
    State: the threshold. Of several processes each takes the largest of its own rows.
    References: Bussmann, Leask and Nanda (2024), arXiv:2412.06410, section 3, equations 5 to 7.
    Deviations: the threshold is a running mean over the training instead of a mean over data afterwards; no decoder
    norms in the comparison.
    """

    couples_rows = True
    elementwise = True

    size: Annotated[int, In("[1, inf)")]
    k: Annotated[int, In("[1, inf)")]

    def conflicts(self) -> Iterator[str]:
        if self.k > self.size:
            yield (
                f"k of BatchTopK must be at most size={self.size}, got {self.k}: a code has no more numbers to keep."
            )

    def state(self) -> nn.Module:
        return RunningMean((), memory=0.98)

    def __call__(self, h: Tensor, context: Context, state: nn.Module | None) -> Encoded:
        threshold = cast(RunningMean, state)
        positive = torch.relu(h)
        rows = len(h)
        if context.generator is None or not rows:
            return Encoded(torch.where(positive >= threshold(), positive, torch.zeros_like(positive)))
        flat = positive.flatten()
        places = _largest(flat.detach(), self.k * rows, CANDIDATES * threshold())
        values = flat.take(places)
        if len(places):
            threshold.update(values.detach().min(), rows)
        return Encoded(torch.zeros_like(flat).scatter(0, places, values).view_as(positive))


@torch.no_grad()
def _largest(flat: Tensor, count: int, guess: Tensor) -> Tensor:
    """Places of the ``count`` largest positive numbers, of all positive ones where there are no more.

    Sorting out everything below ``guess`` first, when enough is left, spares the selection most of its work.
    """
    candidates = (flat > guess).nonzero().squeeze(1)
    if len(candidates) < count:
        candidates = (flat > 0).nonzero().squeeze(1)
    if len(candidates) <= count:
        return candidates
    return candidates[flat.take(candidates).topk(count, sorted=False).indices]
