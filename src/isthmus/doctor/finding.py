"""What a check returns: a verdict with its evidence, its reason, and what to do about it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from isthmus.spec import Spec

Severity = Literal["ok", "info", "warning", "failure", "skipped"]

#: From harmless to harmful; ``skipped`` says nothing.
SEVERITIES: tuple[Severity, ...] = ("skipped", "ok", "info", "warning", "failure")


@dataclass(frozen=True)
class Measure:
    """A number, how sure it is, and what it is to be compared with.

    Parameters
    ----------
    value : the number. what : in words, with its unit where it has one.
    low, high : ends of its 95 % interval, None where it is not an estimate.
    n : rows, or whatever was counted, that it was estimated from; None for none.
    against : the value it is compared with: of a null, a baseline or a threshold; None for none.
    null : what that is, in words.
    """

    value: float
    what: str
    low: float | None = None
    high: float | None = None
    n: int | None = None
    against: float | None = None
    null: str = ""

    def to_json(self) -> dict[str, Any]:
        """``{"value", "what", "interval", "n", "against": {"value", "what"}}``; what is not there is left out."""
        document: dict[str, Any] = {"value": _number(self.value), "what": self.what}
        if self.low is not None and self.high is not None:
            document["interval"] = [_number(self.low), _number(self.high)]
        if self.n is not None:
            document["n"] = self.n
        if self.against is not None:
            document["against"] = {"value": _number(self.against), "what": self.null}
        return document


@dataclass(frozen=True)
class Remedy:
    """What to do, in words, and as changes of parts where they can say it.

    Parameters
    ----------
    text : a sentence for a person. patch : parameters for :meth:`isthmus.Autoencoder.set_params` by name, empty where
        the cure is no change of parts (more data, other labels).
    """

    text: str
    patch: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """``{"text", "patch"}``, parts in their JSON form."""
        return {"text": self.text, "patch": {name: jsonable(value) for name, value in self.patch.items()}}


PictureKind = Literal["images", "curves", "bars", "scatter", "histogram", "matrix"]


@dataclass(frozen=True)
class Picture:
    """What a report draws beside a finding; plain arrays, so that no check needs a plotting library.

    Parameters
    ----------
    kind : ``images``: series are stacks (n, height, width[, channels]) in [0, 1], a row of pictures each. ``curves``:
        series (points,) over ``x``. ``bars``: series (bars,), named by ``names``. ``scatter``: series (points, 2).
        ``histogram``: series (values,), drawn over one another. ``matrix``: one series (rows, columns), as a heat map.
    series : arrays by name, in the order they are drawn. caption : what is seen, and what to look for.
    x : of curves. names : of bars, or of a matrix's rows. axes : names of the two axes.
    marks : upright lines by name: thresholds, nulls.
    """

    kind: PictureKind
    series: Mapping[str, Any]
    caption: str
    x: Any = None
    names: Sequence[str] = ()
    axes: tuple[str, str] = ("", "")
    marks: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """The verdict of one check.

    Parameters
    ----------
    code : of the check, stable, such as ``mean-collapse``. severity : ``ok``, ``info``, ``warning``, ``failure`` or
        ``skipped``. title : the verdict in a sentence.
    evidence : measures, numbers, texts and lists by name. why : why it matters, or why the check was skipped.
    remedy : what to try first. alternatives : what to try next, in order. pictures : for the report.
    question : what the check asks. fault : the check itself broke off, so nothing is known; a fault of isthmus.
    """

    code: str
    severity: Severity
    title: str
    evidence: Mapping[str, Any]
    why: str
    remedy: Remedy = field(default_factory=lambda: Remedy(""))
    alternatives: tuple[Remedy, ...] = ()
    pictures: tuple[Picture, ...] = ()
    question: str = ""
    fault: bool = False

    @property
    def remedies(self) -> tuple[Remedy, ...]:
        """All of them, the first one first."""
        return (self.remedy, *self.alternatives) if self.remedy.text else self.alternatives

    @property
    def bad(self) -> bool:
        """True for warnings and failures."""
        return self.severity in ("warning", "failure")

    def worse_than(self, other: Finding) -> bool:
        """True where this verdict is more harmful than another of the same check."""
        return SEVERITIES.index(self.severity) > max(
            SEVERITIES.index(other.severity), SEVERITIES.index("info")
        )

    def to_json(self) -> dict[str, Any]:
        """One entry of ``findings`` in ``isthmus diagnose --json``; null where a number is undefined, never NaN."""
        return {
            "code": self.code,
            "severity": self.severity,
            "title": self.title,
            "question": self.question,
            "evidence": {name: jsonable(value) for name, value in self.evidence.items()},
            "why": self.why,
            "remedy": self.remedy.to_json(),
            "alternatives": [remedy.to_json() for remedy in self.alternatives],
        }


def _number(value: float) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None


def jsonable(value: Any) -> Any:
    """Measures, parts, numpy's numbers and arrays, and what is made of them, as JSON has it."""
    if isinstance(value, Measure | Spec):
        return value.to_json()
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [jsonable(item) for item in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, np.integer | int):
        return int(value)
    if isinstance(value, np.floating | float):
        return _number(float(value))
    return value if value is None else str(value)
