"""The usual prior."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from isthmus.nn.normal import DiagonalNormal
from isthmus.priors.prior import Prior

if TYPE_CHECKING:
    from torch import Tensor, nn

    from isthmus.types import Context, Distribution


@dataclass
class StandardNormal(Prior):
    """N(0, I): independent entries of mean 0 and variance 1.

    Call: z (batch, size) -> (batch,) nats. Random: one normal number an entry, from ``context``. The KL is in closed
    form for normal posteriors with independent entries, else the estimate at one sample.
    References: Kingma and Welling (2014), arXiv:1312.6114, appendix B.
    """

    def log_prob(self, z: Tensor, state: nn.Module | None) -> Tensor:
        return -0.5 * (z.square() + math.log(2 * math.pi)).sum(1)

    def sample(self, like: Tensor, context: Context, state: nn.Module | None) -> Tensor:
        return context.normal(like)

    def kl(self, posterior: Distribution, z: Tensor, state: nn.Module | None) -> Tensor:
        if isinstance(posterior, DiagonalNormal):
            return posterior.kl_to_standard()
        return super().kl(posterior, z, state)
