"""No change."""

from __future__ import annotations

from dataclasses import dataclass

from isthmus.training.schedules.schedule import Schedule


@dataclass
class Constant(Schedule):
    """The peak rate throughout, after the warm-up.

    Parameters
    ----------
    warmup : in [0, 1), share of the training spent rising.
    """

    alias = "constant"

    def decay(self, progress: float) -> float:
        return 1.0
