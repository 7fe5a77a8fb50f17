"""Is the code smaller than the data's dimension, and does that cost something?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from isthmus.doctor.check import Check
from isthmus.doctor.finding import Measure, Picture, Remedy
from isthmus.doctor.remedies import resized
from isthmus.doctor.statistics.dimension import CLEARLY, FEWEST, NEIGHBORS, Dimension, distinct
from isthmus.doctor.statistics.residuals import Structure, residual_dimension, residual_structure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from isthmus.doctor.finding import Finding, Severity
    from isthmus.doctor.patient import Patient
    from isthmus.metrics.intrinsic_dimension import IntrinsicDimension

#: Shares of all variance that a code grown to the dimension surely saves: below, a small code is a choice. Sound models
#: of the hospital's calibration part that are smaller than the dimension came to 0.06.
FAILURE, WARNING = 0.3, 0.1
#: Share of what the leading directions of shuffled residuals leave that those of residuals must take surely.
STRUCTURE = 0.1


class CodeTooSmall(Check):
    """The data's intrinsic dimension beside the code size, and what a larger code would save at least.

    A code with fewer numbers than the rows have ways to vary must drop some of them, but that is a fault only when
    what it drops is worth something. So both are asked. The dimension is read from distances between training rows.
    The loss is read from residuals: their principal directions are found on training rows and tried on held-out ones,
    as many as the code lacks. A larger code saves about that much or more, since the model could add those directions
    as they are. Residuals with each column shuffled by itself are the null: they have the same sizes and no structure.
    Of few columns any directions hold much, and what curves has no direction. So the residuals' own dimension is a
    second witness of structure, beside residuals of the same spread whose columns or principal coordinates are
    shuffled.
    """

    code: ClassVar[str] = "code-too-small"
    question: ClassVar[str] = "Is the code too small for the data?"
    order: ClassVar[int] = 30

    def obstacles(self, patient: Patient) -> Iterator[str]:
        yield from super().obstacles(patient)
        different = distinct(patient)
        if different < FEWEST:
            yield (
                f"{different} different training rows without unknown entries are too few to estimate a dimension "
                f"from; it takes {FEWEST}."
            )

    def run(self, patient: Patient) -> Finding:
        size = patient.code_size
        found = Dimension.of(patient)
        # Where no distances tell anything, the code is as large as anything known.
        dimension = size if found.value is None else found.value
        missing = max(1, math.ceil(dimension) - size)
        left = residual_structure(patient, missing, patient.generator(self.code))
        evidence = {
            "dimension": _dimension(
                found.nearest, "two nearest neighbours, which counts noise as dimensions", size
            ),
            "dimension_wider": _dimension(found.wider, f"{NEIGHBORS} nearest neighbours", size),
            "saved": Measure(
                left.saved.value,
                f"share of all variance that {_directions(missing)} more would save at least",
                left.saved.low,
                left.saved.high,
                left.n,
                left.null_saved,
                "the same of residuals whose columns are shuffled one by one",
            ),
            "saved_by_one": Measure(
                left.first.value,
                "share of all variance that one direction more would save at least",
                left.first.low,
                left.first.high,
                left.n,
                0.0,
                "a code that misses nothing",
            ),
            "unexplained": Measure(
                left.unexplained,
                "share of the variance that is not explained",
                n=left.n,
                against=0.0,
                null="a perfect copy",
            ),
            "bias": "both estimates of the dimension are too low above about 10 dimensions, and from few rows",
        }
        # Asked only where an alarm is possible: below, structure makes no difference.
        matters = found.low > size and left.saved.above(WARNING)
        bent = residual_dimension(patient, patient.generator(self.code)) if matters else None
        if bent is not None:
            evidence["dimension_of_residuals"] = Measure(
                bent.found.value,
                f"intrinsic dimension of the residuals by {NEIGHBORS} nearest neighbours",
                bent.found.low,
                bent.found.high,
                bent.found.rows,
                bent.null.value,
                "residuals whose columns or principal coordinates are shuffled one by one, whichever have fewer",
            )
        structured = left.structured.above(STRUCTURE) or (bent is not None and bent.surely)
        severity = _severity(found.low, size, left, structured)
        return self.finding(
            severity,
            _title(severity, dimension, size, left, missing),
            evidence,
            _WHY[severity],
            *(_remedies(patient, dimension, found.ample) if severity in ("failure", "warning") else ()),
            pictures=[_picture(left)],
        )


def _remedies(patient: Patient, dimension: float, ample: int | None) -> list[Remedy]:
    """ample : units with room to spare."""
    size = math.ceil(dimension)
    text = f"Give the code {size} units, as many as the data seem to have dimensions, and look at the error again."
    found = [Remedy(text, resized(patient.model, size))]
    if ample is not None:
        text = (
            f"Give the code {ample} units, half again as many as the data seem to have dimensions: estimates of a "
            "dimension are low, and curved data need room to be laid out."
        )
        found.insert(0, Remedy(text, resized(patient.model, ample)))
    return found


def _dimension(found: IntrinsicDimension, how: str, size: int) -> Measure:
    what = f"intrinsic dimension of the training rows by {how}"
    return Measure(found.value, what, found.low, found.high, found.rows, size, "the code size")


def _severity(low: float, size: int, left: Structure, structured: bool) -> Severity:
    if not low > size:
        return "ok"
    if structured:
        if left.saved.above(FAILURE) and low > CLEARLY * size:
            return "failure"
        if left.saved.above(WARNING):
            return "warning"
    return "info"


def _title(severity: Severity, dimension: float, size: int, left: Structure, missing: int) -> str:
    units = f"{size} unit{'s' * (size != 1)}"
    if severity == "ok":
        return (
            f"A code of {units} is not surely smaller than the dimension of the data, about {dimension:.1f}"
        )
    if severity == "info":
        return (
            f"The data have about {dimension:.1f} dimensions and the code only {units}, but {_directions(missing)} "
            f"more would save {100 * left.saved.value:.0f} % of the variance"
        )
    return (
        f"The data have about {dimension:.1f} dimensions and the code only {units}: {_directions(missing)} more would "
        f"save at least {100 * left.saved.value:.0f} % of the variance"
    )


def _directions(count: int) -> str:
    return f"{count} direction{'s' * (count != 1)}"


_WHY: dict[Severity, str] = {
    "ok": "A code needs as many numbers as the rows have ways to vary; what it lacks is lost to all who use it.",
    "info": "A code smaller than the data's dimension drops something; here it is little, or it has no structure that "
    "a larger code could use. Chosen on purpose, such as two units for a map, that is fine.",
    "warning": "Rows that differ in what the code has no room for get the same code, and the decoder answers with "
    "their average.",
    "failure": "Much of what tells rows apart has no room in the code: the decoder answers with averages, and no "
    "training can mend that.",
}


def _picture(left: Structure) -> Picture:
    places = np.arange(1, len(left.each) + 1)
    return Picture(
        "curves",
        {"residuals": 100 * left.each, "shuffled residuals": 100 * left.null_each},
        "Share of all variance that each leading direction of the residuals still holds, on rows that the directions "
        "were not found on. Far above the shuffled residuals: structure that the code has no room for.",
        x=places,
        axes=("direction", "% of the variance"),
    )
