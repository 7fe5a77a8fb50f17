"""Half a cosine down."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

from isthmus.spec import In
from isthmus.training.schedules.schedule import Schedule


@dataclass
class Cosine(Schedule):
    """From the peak rate to ``final`` times the peak along half a cosine.

    Parameters
    ----------
    warmup : in [0, 1), share of the training spent rising.
    final : in [0, 1], factor at the end.

    References: Loshchilov and Hutter (2017), SGDR, equation 5, without restarts.
    """

    alias = "cosine"

    final: Annotated[float, In("[0, 1]")] = 0.0

    def decay(self, progress: float) -> float:
        return self.final + (1.0 - self.final) * 0.5 * (1.0 + math.cos(math.pi * progress))
