"""What a training tells whoever watches it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Plan:
    """What a training is about to do."""

    rows: int
    steps: int  # an epoch
    epochs: int
    parameters: int
    device: str
    precision: str
    threads: int
    start_epoch: int = 0
    start_step: int = 0
    stage: str = ""  # of a training in several stages, such as layer 1 of 3


class Watcher(Protocol):
    """Told of the start, every step, every epoch and the end, in the training's own process (rank 0 only)."""

    def started(self, plan: Plan) -> None:
        """Before the first step."""

    def stepped(self, epoch: int, step: int) -> None:
        """After each step, counted from 1; must return quickly."""

    def epoch_ended(self, record: dict[str, Any], network: Any) -> None:
        """After each epoch, with its line of the history and the network as it would be returned now."""

    def finished(self) -> None:
        """After the last step, also when a training ends by an error."""


class Silent:
    """A watcher that says nothing."""

    def started(self, plan: Plan) -> None:
        """Ignore."""

    def stepped(self, epoch: int, step: int) -> None:
        """Ignore."""

    def epoch_ended(self, record: dict[str, Any], network: Any) -> None:
        """Ignore."""

    def finished(self) -> None:
        """Ignore."""
