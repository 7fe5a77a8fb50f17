"""Shares with their intervals, and which of the patients a check is asked about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scipy.stats import binomtest

from hospital.illnesses import illnesses
from hospital.protocol import CONTROL

if TYPE_CHECKING:
    from hospital.protocol import Illness

Record = dict[str, Any]
#: Held-out errors of a sound model at most, in those of the mean predictor, and of PCA.
HALF, BESIDE_PCA = 0.5, 1.1


@dataclass(frozen=True)
class Share:
    """How many of how many."""

    hits: int
    n: int

    @property
    def interval(self) -> tuple[float, float]:
        """Ends of Wilson's 95 % interval."""
        if not self.n:
            return 0.0, 1.0
        found = binomtest(self.hits, self.n).proportion_ci(method="wilson")
        return float(found.low), float(found.high)

    def __str__(self) -> str:
        if not self.n:
            return "-"
        low, high = self.interval
        return f"{self.hits / self.n:.2f} ({low:.2f} to {high:.2f}), {self.hits}/{self.n}"

    def short(self) -> str:
        """Without the interval."""
        return f"{self.hits}/{self.n}" if self.n else "-"

    def to_json(self) -> dict[str, Any]:
        """Share, interval and counts."""
        return {"hits": self.hits, "n": self.n, "interval": self.interval}


def share(records: Iterable[Record], code: str) -> Share:
    """How many of the patients that a check ran on it found something bad in."""
    ran = [
        record["verdicts"][code] for record in records if record["verdicts"].get(code, "skipped") != "skipped"
    ]
    return Share(sum(verdict in ("warning", "failure") for verdict in ran), len(ran))


def found(records: Iterable[Record]) -> Share:
    """How many of the ill are known to be so by one of the findings that name their illness."""
    judged = [record for record in records if record["verdicts"]]
    hits = sum(bool(naming(record) & set(bad(record))) for record in judged)
    return Share(hits, len(judged))


def bad(record: Record) -> list[str]:
    """Codes of warnings and failures."""
    return [code for code, verdict in record["verdicts"].items() if verdict in ("warning", "failure")]


def illness(record: Record) -> Illness:
    """What was done wrong with a patient."""
    return illnesses()[record["ward"]]


def expected(record: Record) -> set[str]:
    """Codes of the checks that are asked to find what is wrong with a patient; none for a control."""
    return set() if record["ward"] == CONTROL else set(illness(record).expected(images=record["images"]))


def naming(record: Record) -> set[str]:
    """Codes of findings that name what is wrong with a patient."""
    return set() if record["ward"] == CONTROL else set(illness(record).naming(images=record["images"]))


def allowed(record: Record) -> set[str]:
    """Codes that are no false alarms with a patient."""
    return set() if record["ward"] == CONTROL else naming(record) | set(illness(record).accompanying)


def ill(records: Iterable[Record]) -> list[Record]:
    """Without the controls."""
    return [record for record in records if record["ward"] != CONTROL]


def controls(records: Iterable[Record]) -> list[Record]:
    """The healthy ones: recipes whose errors say that they were trained well."""
    return [record for record in records if record["ward"] == CONTROL and works(record)]


def turned_out_ill(records: Iterable[Record]) -> list[Record]:
    """Recipes that turned out ill by their errors, though nothing was done wrong on purpose."""
    return [record for record in records if record["ward"] == CONTROL and not works(record)]


def works(record: Record) -> bool:
    """Whether held-out errors, which no check is asked for, are those of a model that works.

    At most half of the mean predictor's; and at most a tenth above that of PCA of the same size, where nothing is asked
    of the model but small errors and PCA leaves any.
    """
    errors = record.get("errors")
    if errors is None:
        return True
    if errors["model"] > HALF * errors["mean"]:
        return False
    matters = not record["asked"] and errors["pca"] > 1e-6 * errors["mean"]
    return not matters or bool(errors["model"] <= BESIDE_PCA * errors["pca"])


def codes(records: Iterable[Record]) -> list[str]:
    """Checks that ran, in the doctor's order."""
    return list(dict.fromkeys(code for record in records for code in record["verdicts"]))
