"""How a training goes: a live bar on a terminal, a line now and then elsewhere; always on standard error."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from isthmus.cli.messages import counted, tell

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from isthmus.training.watching import Plan, Watcher

_REDRAW_SECONDS = 0.2
_LINE_SECONDS = 3.0


def watcher(*, quiet: bool = False) -> Watcher | None:
    """What shows the progress on this process's standard error; None with ``quiet``."""
    if quiet:
        return None
    return Bar() if sys.stderr.isatty() else Lines()


def opening(plan: Plan) -> str:
    """What is about to be done, in a line."""
    start = f", going on in epoch {plan.start_epoch + 1}" if plan.start_epoch or plan.start_step else ""
    what = f"{plan.stage}: training" if plan.stage else "training"
    return (
        f"{what} {counted(plan.parameters, 'weight')} on {counted(plan.rows, 'row')}: "
        f"{counted(plan.epochs, 'epoch')} of {counted(plan.steps, 'step')}, {plan.device}, {plan.precision}, "
        f"{counted(plan.threads, 'thread')}{start}"
    )


def losses(record: dict[str, Any]) -> str:
    """An epoch's losses in a few words, nats per sample."""
    text = f"loss {record['loss']:.4g}"
    if "validation_loss" in record:
        text += f"  validation {record['validation_loss']:.4g}"
    return text


class Lines:
    """The first epoch, the last, and one every few seconds, a line each."""

    def started(self, plan: Plan) -> None:
        """Say what is to be done."""
        self._plan = plan
        self._said = 0.0
        self._unsaid: dict[str, Any] | None = None
        tell(opening(plan))

    def stepped(self, epoch: int, step: int) -> None:
        """Say nothing."""

    def epoch_ended(self, record: dict[str, Any], network: Any) -> None:
        """A line, unless the last one was just now."""
        self._unsaid = record
        if record["epoch"] == self._plan.epochs or time.monotonic() - self._said >= _LINE_SECONDS:
            self._say()

    def finished(self) -> None:
        """The last epoch, when it was not said."""
        if self._unsaid is not None:
            self._say()

    def _say(self) -> None:
        record, self._unsaid = self._unsaid, None
        self._said = time.monotonic()
        if record is not None:
            rate = self._plan.rows / max(record["seconds"], 1e-9)
            tell(
                f"epoch {record['epoch']}/{self._plan.epochs}  {losses(record)}  "
                f"{record['seconds']:.2f} s  {rate:,.0f} rows/s"
            )


class Bar:
    """One live line: epoch, bar, losses, steps a second, time left. Drawn a few times a second, on no other thread."""

    def started(self, plan: Plan) -> None:
        """Draw the bar."""
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        self._plan = plan
        self._drawn = 0.0
        self._begun = time.monotonic()
        self._first = plan.start_epoch * plan.steps + plan.start_step
        tell(opening(plan))
        self._progress: Progress = Progress(
            TextColumn("epoch {task.fields[epoch]}/" + str(plan.epochs)),
            BarColumn(bar_width=None),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[losses]}"),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TextColumn("eta"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            auto_refresh=False,
            speed_estimate_period=60.0,
            expand=True,
        )
        self._task: TaskID = self._progress.add_task(
            "training",
            total=max(1, plan.epochs * plan.steps),
            completed=self._first,
            epoch=min(plan.start_epoch + 1, plan.epochs),
            losses="",
            rate="",
        )
        self._progress.start()
        self._progress.refresh()

    def stepped(self, epoch: int, step: int) -> None:
        """Draw anew when the last drawing is old enough."""
        now = time.monotonic()
        if now - self._drawn < _REDRAW_SECONDS:
            return
        self._drawn = now
        done = (epoch - 1) * self._plan.steps + step
        rate = (done - self._first) / max(now - self._begun, 1e-9)
        self._progress.update(
            self._task, completed=done, epoch=epoch, rate=f"{rate:,.0f} steps/s", refresh=True
        )

    def epoch_ended(self, record: dict[str, Any], network: Any) -> None:
        """The epoch's losses."""
        done = record["epoch"] * self._plan.steps
        self._progress.update(self._task, completed=done, epoch=record["epoch"], losses=losses(record))

    def finished(self) -> None:
        """Leave the last state on the screen."""
        self._progress.refresh()
        self._progress.stop()
