"""Corruptions whose strength is a number, and how strong they are for which row at which time."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from isthmus.corruptions.corruption import Corruption
from isthmus.spec import In

if TYPE_CHECKING:
    from torch import Tensor

    from isthmus.types import Context, Event


@dataclass
class LevelledCorruption(Corruption):
    """A corruption of a strength, which may differ from row to row and change while training goes on.

    Parameters
    ----------
    level : ``fixed``: the strength for every row. ``sampled``: each row's own, uniform between ``floor`` and the
        strength. ``falling``: from the strength at the start of the training to ``floor`` at its end, linearly;
        ``rising`` the other way.
    floor : the smallest strength, in its unit.

    ``strength`` names the field that is the strength.
    """

    strength: ClassVar[str] = "rate"

    level: Literal["fixed", "sampled", "falling", "rising"] = field(default="fixed", kw_only=True)
    floor: Annotated[float, In("[0, inf)")] = field(default=0.0, kw_only=True)

    def conflicts(self) -> Iterator[str]:
        largest = getattr(self, self.strength)
        if self.floor and self.level == "fixed":
            yield f"floor of {type(self).__name__} means nothing with level='fixed': choose another level."
        elif self.floor > largest:
            yield f"floor of {type(self).__name__} must be at most {self.strength}={largest}, got {self.floor}."

    def __call__(self, x: Tensor, context: Context, *, mask: Tensor | None, event: Event) -> Tensor:
        largest = getattr(self, self.strength)
        if largest == 0:
            return x
        return self.damaged(x, self._levels(x, context), context, mask=mask, event=event)

    @abstractmethod
    def damaged(
        self, x: Tensor, strength: Tensor | float, context: Context, *, mask: Tensor | None, event: Event
    ) -> Tensor:
        """x (batch, *event) damaged as strongly as ``strength``, a number or (batch, 1, ...), says."""

    def spread(self, share: Tensor) -> Tensor:
        """Uniform numbers in [0, 1), one a row, as the strengths of rows where they are ``sampled``."""
        largest: float = getattr(self, self.strength)
        return self.floor + (largest - self.floor) * share

    def _levels(self, x: Tensor, context: Context) -> Tensor | float:
        largest: float = getattr(self, self.strength)
        if self.level == "fixed":
            return largest
        if self.level == "sampled":
            return self.spread(context.uniform(x.new_empty(len(x)))).view(-1, *[1] * (x.ndim - 1))
        progress = context.progress if self.level == "rising" else 1.0 - context.progress
        return self.floor + (largest - self.floor) * progress
