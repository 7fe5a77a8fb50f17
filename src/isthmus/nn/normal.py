"""Normal distributions with independent entries."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from isthmus.types import Context

#: Log variances stay inside (-BOUND, BOUND).
BOUND = 15.0


def bounded(raw: Tensor) -> Tensor:
    """Any number -> a log variance inside (-15, 15), nearly the number itself where that is small."""
    return BOUND * torch.tanh(raw / BOUND)


@dataclass
class DiagonalNormal:
    """N(mean, diag(exp(log_var))), one distribution a row; mean, log_var (batch, size)."""

    mean: Tensor
    log_var: Tensor

    def sample(self, context: Context) -> Tensor:
        """(batch, size), reparametrised. Random: one normal number an entry, from ``context``."""
        return self.mean + (0.5 * self.log_var).exp() * context.normal(self.mean)

    def log_prob(self, z: Tensor) -> Tensor:
        """(batch,) log density in nats."""
        squares = (z - self.mean).square() * (-self.log_var).exp()
        return -0.5 * (squares + self.log_var + math.log(2 * math.pi)).sum(1)

    def kl_to_standard(self) -> Tensor:
        """(batch,) KL to N(0, I) in nats (Kingma and Welling 2014, appendix B)."""
        # expm1 keeps digits where the variance is near 1.
        return 0.5 * (self.mean.square() + torch.expm1(self.log_var) - self.log_var).sum(1)
