"""A straight line down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from isthmus.spec import In
from isthmus.training.schedules.schedule import Schedule


@dataclass
class Linear(Schedule):
    """From the peak rate to ``final`` times the peak in a straight line, after holding it for a while.

    Parameters
    ----------
    warmup : in [0, 1), share of the training spent rising.
    hold : in [0, 1), share of the rest spent at the peak (warm-up, stable, decay: Hu et al. 2024).
    final : in [0, 1], factor at the end.
    """

    alias = "linear"

    hold: Annotated[float, In("[0, 1)")] = 0.0
    final: Annotated[float, In("[0, 1]")] = 0.0

    def decay(self, progress: float) -> float:
        if progress <= self.hold:
            return 1.0
        return 1.0 - (1.0 - self.final) * (progress - self.hold) / (1.0 - self.hold)
