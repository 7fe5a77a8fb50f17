"""The rows in which each unit is strongest."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, cast

import torch
from torch import Tensor

from isthmus.codes.code import Code
from isthmus.codes.top_k import keep_largest
from isthmus.nn.multiplier import RunningMean
from isthmus.spec import In
from isthmus.types import Encoded

if TYPE_CHECKING:
    from torch import nn

    from isthmus.types import Context


@dataclass
class WinnerTakeAll(Code):
    """Each unit is kept in the rows of the batch where it is largest, a fixed share of them; no unit can die.

    Parameters
    ----------
    size : numbers per code.
    rate : in (0, 1], share of a batch's rows in which a unit is kept ("lifetime sparsity"), at least one row.
    inference : without a generator, ``threshold`` keeps what exceeds the unit's own running threshold, the smallest
        number that it kept in a batch, so that units are as rarely active as in training; ``rectified`` keeps every
        positive number, as the paper does for features.

    In training a row's code depends on the other rows. Batches must be large against 1 / rate.
    Call: h (batch, size) -> z (batch, size), never negative. Random: nothing. Gradient: through what is kept.
    State: the thresholds. Of several processes each takes the largest of its own rows.
    References: Makhzani and Frey (2015), arXiv:1409.2752, section 2.
    Deviation: ``threshold``. Rectified codes are several times denser than what the decoder was trained on.
    """

    couples_rows = True
    elementwise = True

    size: Annotated[int, In("[1, inf)")]
    rate: Annotated[float, In("(0, 1]")] = 0.05
    inference: Literal["threshold", "rectified"] = "threshold"

    def state(self) -> nn.Module:
        return RunningMean((self.size,), memory=0.98)

    def __call__(self, h: Tensor, context: Context, state: nn.Module | None) -> Encoded:
        positive = torch.relu(h)
        rows = len(h)
        thresholds = cast(RunningMean, state)
        if context.generator is None or not rows:
            if self.inference == "rectified":
                return Encoded(positive)
            return Encoded(torch.where(positive >= thresholds(), positive, torch.zeros_like(positive)))
        kept = min(rows, math.ceil(self.rate * rows))
        z = keep_largest(positive, kept, dim=0)
        thresholds.update(smallest_kept(z), rows)
        return Encoded(z)


@torch.no_grad()
def smallest_kept(z: Tensor) -> Tensor:
    """(size,) the smallest positive number of each column of z (batch, size), 0 where it has none."""
    smallest = torch.where(z > 0, z, torch.inf).amin(0)
    return torch.where(smallest.isfinite(), smallest, torch.zeros_like(smallest))
