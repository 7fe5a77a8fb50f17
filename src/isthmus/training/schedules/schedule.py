"""The protocol of learning-rate schedules."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, ClassVar

from isthmus.spec import In, Spec


@dataclass
class Schedule(Spec, ABC):
    """A factor on the peak learning rate as a function of progress.

    ``warmup`` is the share of the training over which the rate rises linearly from 0; the schedule proper
    spans the rest.
    """

    family: ClassVar[str] = "training.schedules"
    alias: ClassVar[str] = ""

    warmup: Annotated[float, In("[0, 1)")] = 0.0

    def factor(self, progress: float) -> float:
        """progress in [0, 1) -> factor in [0, 1]."""
        if progress < self.warmup:
            return progress / self.warmup
        return self.decay((progress - self.warmup) / (1.0 - self.warmup))

    @abstractmethod
    def decay(self, progress: float) -> float:
        """The factor after the warm-up, progress counted from its end."""
