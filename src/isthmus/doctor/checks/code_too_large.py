"""Is the code larger than what the decoder makes use of?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from isthmus.codes.gaussian import Gaussian
from isthmus.doctor.check import Check
from isthmus.doctor.finding import Measure, Picture, Remedy
from isthmus.doctor.remedies import resized
from isthmus.doctor.statistics import structure_free
from isthmus.doctor.statistics.asked import asked_for
from isthmus.doctor.statistics.directions import Directions as Principal
from isthmus.doctor.statistics.intervals import quotient
from isthmus.doctor.statistics.rival import Rival
from isthmus.doctor.statistics.sparsity import SPARSE, active_share

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from isthmus.doctor.finding import Finding, Severity
    from isthmus.doctor.patient import Patient

    Array = NDArray[np.float64]

#: How much the error may rise for a direction to count as not needed: a share of the error, and of the mean
#: predictor's error, so that an error near 0 does not make every direction needed.
RISE, FLOOR = 0.02, 0.001
#: Shares of the code that are surely needed at most, below which it is said, and warned of: half is a matter of
#: taste, a quarter is three numbers of every code for nothing.
INFO, WARNING = 0.5, 0.25
#: Share of the variance that principal directions of the data hold, as many as a second remedy has units.
MOST = 0.95
#: Units that must be too many for a warning: fewer are no waste.
LEAST = 4
#: A unit whose loss raises the error by less than this share is idle.
IDLE = 0.001
#: Rows judged at most, numbers of directions tried, codes decoded for single directions and units.
ROWS, TRIED, DECODED = 500, 24, 12_000
#: Resamples behind the interval of the number of directions.
RESAMPLES = 300


class CodeTooLarge(Check):
    """How many directions of the code the reconstruction needs.

    The principal directions of training codes are ordered by how much the output changes where one alone is held at its
    mean, since a direction of small variance may matter much to the decoder. Then held-out codes keep the first m of
    them, the others are held at their mean, and the decoder answers: the smallest m whose error stays within 2 % is
    what is needed. An upper bound, as a model trained with m units could arrange them better. Ordering and number are
    found on different rows. A code of more numbers than its rows have is no compression: where nothing else keeps it
    from copying (few active units, a prior, damage, a penalty) that is warned of, however many directions are used.

    References: the marginal value of a unit by ablation: LeCun, Denker and Solla (1990), Optimal brain damage, NIPS 2,
    who estimate it by derivatives.
    """

    code: ClassVar[str] = "code-too-large"
    question: ClassVar[str] = "Is the code larger than what the decoder uses?"
    order: ClassVar[int] = 55

    def obstacles(self, patient: Patient) -> Iterator[str]:
        yield from super().obstacles(patient)
        share = active_share(patient.train_codes)
        if share < SPARSE:
            yield (
                f"a row uses {100 * share:.0f} % of the units of this code: sparse codes are meant to be larger than "
                f"what one row needs."
            )

    def run(self, patient: Patient) -> Finding:
        size = patient.code_size
        basis = Directions.ordered(patient)
        curve = _curve(patient, basis)
        idle, rises = _idle_units(patient)
        full, mean = curve.errors[-1].sum(), patient.mean_squares[: len(curve.errors[0])].sum()
        evidence = {
            "needed": Measure(
                curve.needed,
                "directions of the code that keep the held-out error within 2 %",
                curve.low,
                curve.high,
                curve.errors.shape[1],
                size,
                "the code size",
            ),
            "error": Measure(
                float(quotient(full, mean)),
                "error with the whole code",
                against=1.0,
                null="the mean predictor's",
            ),
            "without_last": Measure(
                float(quotient(curve.errors[-2].sum(), full)) if len(curve.errors) > 1 else math.nan,
                f"error with {curve.kept[-2] if len(curve.errors) > 1 else 0} directions in that of all {size}",
                against=1.0,
                null="directions that are not used",
            ),
            "idle_units": [f"unit {place}" for place in idle[:20]],
        }
        columns = int(np.count_nonzero(structure_free.spread(patient.train, patient.baselines.mean)))
        wide = size > columns and not asked_for(patient, Rival.of(patient))
        evidence["size"] = Measure(
            size, "numbers of the code", against=columns, null="columns of the data that vary"
        )
        severity = _severity(curve, size)
        if wide and severity != "warning":
            # Functions do not say what they were asked for.
            severity = "info" if patient.model is None else "warning"
        if not curve.needed:
            return self.finding("info", _UNREAD, evidence, _UNREAD_WHY)
        return self.finding(
            severity,
            _wide_title(size, columns, curve) if wide else _title(severity, curve, size),
            evidence,
            _why(patient, severity, len(idle)),
            *(self._remedies(patient, min(curve.high, columns)) if severity != "ok" else ()),
            pictures=_pictures(curve, rises, float(full), float(mean)),
        )

    def _remedies(self, patient: Patient, needed: int) -> list[Remedy]:
        size = max(1, needed)
        text = f"Give the code {size} unit{'s' * (size != 1)}: no more directions of this one are needed."
        found = [Remedy(text, resized(patient.model, size))]
        mean = patient.baselines.mean
        rows = structure_free.complete(structure_free.first(patient.train, ROWS), mean)
        most = max(1, Principal.of(rows - mean).count(MOST))
        if most < size:
            share = f"so many principal directions hold {100 * MOST:.0f} % of the variance"
            fewer = f"Give the code {most} unit{'s' * (most != 1)}: {share}."
            found.append(Remedy(fewer, resized(patient.model, most)))
        return found


@dataclass(frozen=True)
class Directions:
    """mean : (size,) of training codes. axes : (size, size), orthonormal rows, the most needed first."""

    mean: Array
    axes: Array

    @classmethod
    def ordered(cls, patient: Patient) -> Directions:
        """Principal directions of training codes, by the change of the output where one alone is held at its mean."""
        codes = patient.train_codes.astype(np.float64)
        mean = codes.mean(axis=0)
        axes = np.linalg.eigh(np.cov(codes.T, bias=True).reshape(len(mean), -1))[1].T[::-1]
        # The last training rows, so that without held-out rows the error is judged on others.
        some = codes[-max(4, min(200, DECODED // len(mean))) :]
        whole = patient.decode(some.astype(np.float32))
        changes = np.empty(len(axes))
        for place, axis in enumerate(axes):
            without = some - np.outer((some - mean) @ axis, axis)
            changes[place] = ((patient.decode(without.astype(np.float32)) - whole) ** 2).sum(dtype=np.float64)
        return cls(mean, axes[np.argsort(-changes, kind="stable")])

    def keep(self, codes: NDArray[np.float32], count: int) -> NDArray[np.float32]:
        """Codes with the first ``count`` directions as they are and the others at their mean."""
        axes = self.axes[:count]
        return np.asarray(self.mean + (codes - self.mean) @ axes.T @ axes, dtype=np.float32)


@dataclass(frozen=True)
class Curve:
    """kept : (k,) numbers of directions, rising. errors : (k, n) of held-out rows. needed, low, high : of these."""

    kept: tuple[int, ...]
    errors: Array
    needed: int
    low: int
    high: int


def _curve(patient: Patient, basis: Directions) -> Curve:
    size = patient.code_size
    codes = patient.codes[:ROWS]
    kept = tuple(sorted({0, size, *np.unique(np.linspace(0, size, TRIED + 1).round().astype(int))}))
    errors = [_errors(patient, basis.keep(codes, count)) for count in kept[:-1]]
    errors.append(patient.squares[:ROWS].sum(axis=1))
    found = np.array(errors)
    allowed = (1 + RISE) * found[-1] + FLOOR * patient.mean_squares[:ROWS].sum(axis=1)
    n = found.shape[1]
    weights = patient.generator("code-too-large").multinomial(n, np.full(n, 1 / n), size=RESAMPLES)
    excess = (found - allowed) @ weights.T
    drawn = [_first(kept, column) for column in excess.T]
    low, high = np.percentile(drawn, [2.5, 97.5], method="closest_observation").astype(int)
    needed = _first(kept, (found - allowed).sum(axis=1))
    return Curve(kept, found, needed, min(int(low), needed), max(int(high), needed))


def _first(kept: tuple[int, ...], excess: Array) -> int:
    """The fewest directions from which on the error is never above what is allowed."""
    above = np.flatnonzero(excess[:-1] > 0)
    return kept[int(above[-1]) + 1] if len(above) else kept[0]


def _errors(patient: Patient, codes: NDArray[np.float32]) -> Array:
    """(n,) squared errors of the first test rows decoded from other codes."""
    n = len(codes)
    squares = (patient.test.x[:n].astype(np.float64) - patient.decode(codes)) ** 2
    known = patient.test.known
    return np.asarray((squares if known is None else squares * known[:n]).sum(axis=1))


def _idle_units(patient: Patient) -> tuple[list[int], Array]:
    """Units whose loss hardly raises the error, and by which share each raises it, held at its mean."""
    n = max(20, min(ROWS, DECODED // patient.code_size))
    codes, full = patient.codes[:n], float(patient.squares[:n].sum())
    allowed = max(full, FLOOR * float(patient.mean_squares[:n].sum()), 1e-300)
    means = patient.train_codes.mean(axis=0)
    rises = np.empty(patient.code_size)
    for place, mean in enumerate(means):
        without = codes.copy()
        without[:, place] = mean
        rises[place] = (float(_errors(patient, without).sum()) - full) / allowed
    return [int(place) for place in np.flatnonzero(rises < IDLE)], rises


_UNREAD = "The decoder hardly reads the code, so its size cannot be judged"
_UNREAD_WHY = (
    "Holding the whole code at its mean changes the error by less than 2 %. That is no matter of size: mean-collapse "
    "and posterior-collapse ask why."
)


def _severity(curve: Curve, size: int) -> Severity:
    if curve.high < WARNING * size and size - curve.high >= LEAST:
        return "warning"
    return "info" if curve.high < INFO * size else "ok"


def _title(severity: Severity, curve: Curve, size: int) -> str:
    if severity == "ok":
        return f"Of {size} directions of the code, {curve.needed} are needed to keep the error within 2 %"
    return f"{curve.needed} of the code's {size} directions are enough to keep the error within 2 %"


def _wide_title(size: int, columns: int, curve: Curve) -> str:
    return (
        f"The code has {size} numbers and the rows only {columns} that vary: nothing is compressed, and nothing else "
        f"keeps it from copying; {curve.needed} directions are enough to keep the error within 2 %"
    )


def _why(patient: Patient, severity: Severity, idle: int) -> str:
    if severity == "ok":
        return "Directions that the decoder does not need would make codes longer and no better."
    why = (
        "What the decoder does not use takes room, adds noise to distances between codes, and misleads whoever reads "
        "the code as so many facts about a row."
    )
    if idle and patient.model is not None and isinstance(patient.model.part("code"), Gaussian):
        why += f" {idle} of the units do nothing alone; posterior-collapse asks whether they fell back on the prior."
    return why


def _pictures(curve: Curve, rises: Array, full: float, mean: float) -> list[Picture]:
    shares = curve.errors.sum(axis=1) / max(mean, 1e-300)
    pictures = [
        Picture(
            "curves",
            {"error": shares, "whole code": np.full(len(shares), full / max(mean, 1e-300))},
            "Error on held-out rows, as a share of the mean predictor's, with only so many directions of the code. "
            "Where the curve lies flat, directions are not used.",
            x=np.array(curve.kept),
            axes=("directions kept", "error"),
            marks={"needed": float(curve.needed)},
        )
    ]
    if 1 < len(rises) <= 64:
        pictures.append(
            Picture(
                "bars",
                {"rise of the error": rises},
                "By which share the error rises where one unit alone is held at its mean. Units near 0 do nothing.",
                names=tuple(str(place) for place in range(len(rises))),
            )
        )
    return pictures
