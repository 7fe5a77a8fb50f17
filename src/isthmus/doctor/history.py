"""What a treatment tried, and what was measured each time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from isthmus.doctor.finding import SEVERITIES, jsonable

if TYPE_CHECKING:
    from isthmus.doctor.finding import Measure, Severity
    from isthmus.doctor.report import Report
    from isthmus.estimator import Autoencoder

Ending = Literal["healthy", "nothing left to try", "budget spent", "time over", "interrupted"]


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One change of a model, and why it was kept or rolled back.

    Parameters
    ----------
    code : of the finding that was treated. remedy : in words. patch : parameters that were set.
    accepted : whether the changed model was kept. reason : why, in words.
    before, after : severities by code. ``after`` is None where no model came of it or its held-out error decided, and
        ends with the finding that was treated where that remained: what comes after is not asked then.
    error_before, error_after : mean held-out squared error an entry, in the units in which the model given sees its
        data. ratio : of the two, with its interval.
    seconds : of training and diagnosis.
    """

    code: str
    remedy: str
    patch: Mapping[str, Any]
    before: Mapping[str, Severity]
    error_before: float
    accepted: bool = False
    reason: str = ""
    after: Mapping[str, Severity] | None = None
    error_after: float | None = None
    ratio: Measure | None = None
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """One entry of ``attempts`` in ``isthmus treat --json``, parts in their JSON form."""
        return {
            "code": self.code,
            "remedy": self.remedy,
            "patch": jsonable(self.patch),
            "accepted": self.accepted,
            "reason": self.reason,
            "before": dict(self.before),
            "after": None if self.after is None else dict(self.after),
            "held_out_error": jsonable(
                {"before": self.error_before, "after": self.error_after, "ratio": self.ratio}
            ),
            "seconds": jsonable(self.seconds),
        }


@dataclass(frozen=True)
class Treatment:
    """The history of a treatment: a sequence of attempts, between two diagnoses.

    Parameters
    ----------
    attempts : in the order they were made. before, after : diagnoses of the model given and of the one returned.
    stopped : why nothing more was tried. notes : what else a reader has to know.
    """

    attempts: tuple[Attempt, ...]
    before: Report
    after: Report
    stopped: Ending
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.attempts)

    def __iter__(self) -> Iterator[Attempt]:
        return iter(self.attempts)

    def __getitem__(self, place: int) -> Attempt:
        return self.attempts[place]

    @property
    def accepted(self) -> tuple[Attempt, ...]:
        """The attempts whose model was kept, each upon the one before."""
        return tuple(attempt for attempt in self.attempts if attempt.accepted)

    @property
    def nearest(self) -> Attempt | None:
        """Of the attempts that were rolled back, the one that made a finding milder that still is there; or None.

        Where several did, the one with the smallest held-out error.
        """
        left = {finding.code: finding.severity for finding in self.after.bad}
        milder = [
            attempt
            for attempt in self.attempts
            if attempt.code in left
            and attempt.after is not None
            and SEVERITIES.index(attempt.after[attempt.code]) < SEVERITIES.index(left[attempt.code])
        ]
        return min(milder, key=lambda attempt: attempt.error_after or 0.0, default=None)

    @property
    def healthy(self) -> bool:
        """Whether the model that was returned is."""
        return self.after.healthy

    @property
    def summary(self) -> str:
        """What came of it in a sentence."""
        if not self.attempts and self.healthy:
            return "Nothing was wrong, so nothing was treated."
        left = ", ".join(f"{finding.code} ({finding.severity})" for finding in self.after.bad)
        now = "the model is healthy" if self.healthy else f"what remains is {left}"
        kept = f"{len(self.accepted)} of {len(self)} attempts {'was' if len(self.accepted) == 1 else 'were'} kept"
        if not self.accepted:
            kept = (
                f"no attempt of {len(self)} was kept, the model is as it was" if self else "nothing was tried"
            )
        why = "" if self.stopped == "healthy" else f" ({self.stopped})"
        near = self.nearest
        hint = "" if near is None else f" Nearest to a cure came attempt {self.attempts.index(near) + 1}."
        return f"{kept[0].upper()}{kept[1:]}{why}; {now}.{hint}"

    def to_json(self) -> dict[str, Any]:
        """The document of ``isthmus treat --json`` but for where the model is."""
        return {
            "healthy": self.healthy,
            "before": self.before.to_json(),
            "after": self.after.to_json(),
            "attempts": [attempt.to_json() for attempt in self.attempts],
            "stopped": self.stopped,
            "summary": self.summary,
            "notes": list(self.notes),
        }

    def record(self) -> dict[str, Any]:
        """The same without the evidence of the two diagnoses: what a treated model keeps in its summary."""
        return self.to_json() | {"before": severities(self.before), "after": severities(self.after)}


class TreatmentInterrupted(KeyboardInterrupt):
    """Ctrl-C during a treatment; what was reached is not lost.

    model : the best one so far, the one given where nothing was kept. history : what was tried until then.
    """

    def __init__(self, model: Autoencoder, history: Treatment) -> None:
        super().__init__("the treatment was interrupted; this error's model and history are what was reached")
        self.model = model
        self.history = history


def severities(report: Report) -> dict[str, Severity]:
    """Each finding's severity by its code."""
    return {finding.code: finding.severity for finding in report}
