"""Do units of the code repeat each other?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from isthmus.architectures.branches import Branches
from isthmus.doctor.check import Check
from isthmus.doctor.finding import Measure, Picture, Remedy
from isthmus.doctor.remedies import resized
from isthmus.doctor.statistics.intervals import Interval, share_explained
from isthmus.doctor.statistics.sparsity import varying
from isthmus.metrics.redundancy import mean_canonical_correlation
from isthmus.penalties.redundancy import Redundancy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from isthmus.doctor.finding import Finding, Severity
    from isthmus.doctor.patient import Patient

    Array = NDArray[np.float64]

#: Correlation from which on a unit is a copy: what it adds is below a tenth of its variance.
COPY = 0.95
#: Effective rank, as a share of the units, below which a code with copies is warned of.
HALF = 0.5
#: Share of the units' standardised variance in one direction from which on nearly all units are one; and the share of
#: the data's variance that a model must then explain for that to be no failure, since data may be one-dimensional.
ONE, EXPLAINED = 0.9, 0.9
#: Mean canonical correlation above which the parts of a divided code say the same, and above which it is worth saying.
PARTS, SOME_PARTS = 0.8, 0.5
#: Units that are compared, resamples, rows and units of the nonlinear prediction, folds, copies named.
UNITS, RESAMPLES, ROWS, PREDICTED, FOLDS, NAMED = 256, 100, 600, 4, 3, 10


class RedundantCode(Check):
    """How many different things the units of a code say.

    The effective rank of the units' correlations, exp of the entropy of their eigenvalues' shares, is the number of
    units when they are uncorrelated and 1 when all are one. It is compared with independent normal codes of as many
    rows and units. Copies are pairs whose correlation is surely above .95. Units may repeat each other without being
    correlated, so some are predicted from all others by a curved fit, on rows that it did not learn from. Units
    that are constant are left to dead-units. Correlated units alone are no fault: data hold correlated facts.

    Where a code has two parts made by two encoders, the question is whether the parts say the same: their mean
    canonical correlation on held-out rows, beside that of one part's rows permuted.

    References: Roy and Vetterli (2007), The effective rank, EUSIPCO, section 2, here of the correlation matrix.
    """

    code: ClassVar[str] = "redundant-code"
    question: ClassVar[str] = "Do units of the code repeat each other?"
    order: ClassVar[int] = 60

    def run(self, patient: Patient) -> Finding:
        generator = patient.generator(self.code)
        alive = np.flatnonzero(varying(patient.codes))
        if len(alive) < 2:
            return self.finding(
                "ok",
                f"Only {len(alive)} unit of the code varies, so that none can repeat another",
                {"varying_units": len(alive)},
                "It takes two units to repeat each other; dead-units asks for those that do not vary.",
            )
        compared = np.sort(generator.permutation(alive)[:UNITS])
        codes = patient.codes[:, compared].astype(np.float64)
        units = _compared(codes, compared, generator)
        parts = _parts(patient, generator)
        explained = share_explained(patient.squares.sum(axis=1), patient.mean_squares.sum(axis=1), generator)
        severity = _severity(units, explained, parts)
        return self.finding(
            severity,
            _title(severity, units, parts),
            _evidence(units, parts, len(codes)),
            _WHY[severity],
            *(_remedies(patient, units, parts) if severity in ("warning", "failure") else ()),
            pictures=_pictures(units),
        )


@dataclass(frozen=True)
class Units:
    """What units that vary have in common.

    rank, null_rank : effective rank, and of independent normal codes. one : share of the standardised variance in one
    direction. copies : (first, second, correlation), strongest first. predicted : unit by unit, the share of its
    variance that a curved and that a straight fit to the others explain. correlations : (units, units).
    names : (units,) places in the code.
    """

    rank: Interval
    null_rank: float
    one: Interval
    copies: tuple[tuple[int, int, float], ...]
    predicted: dict[str, tuple[float, float]]
    correlations: Array
    names: NDArray[np.int64]


def effective_rank(correlations: Array) -> float:
    """Exp of the entropy of the shares of a correlation matrix's eigenvalues."""
    shares = np.clip(np.linalg.eigvalsh(correlations), 0, None)
    shares = shares[shares > 0] / shares.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def _compared(codes: Array, names: NDArray[np.int64], generator: np.random.Generator) -> Units:
    n, size = codes.shape
    correlations = _correlations(codes)
    drawn = []
    for _ in range(RESAMPLES if size <= UNITS // 4 else RESAMPLES // 5):
        weights = generator.multinomial(n, np.full(n, 1 / n))
        resampled = _correlations(np.repeat(codes, weights, axis=0))
        drawn.append((effective_rank(resampled), np.linalg.eigvalsh(resampled)[-1] / size))
    ends = np.percentile(drawn, [2.5, 97.5], axis=0)
    rank = effective_rank(correlations)
    # Resamples repeat rows, which lowers the rank a little: their spread is laid around the estimate itself.
    shift = rank - float(np.mean([one for one, _ in drawn]))
    return Units(
        Interval(rank, max(1.0, float(ends[0, 0]) + shift), min(float(size), float(ends[1, 0]) + shift)),
        effective_rank(_correlations(generator.normal(size=codes.shape))),
        Interval(float(np.linalg.eigvalsh(correlations)[-1]) / size, float(ends[0, 1]), float(ends[1, 1])),
        _copies(correlations, n, names),
        _predictions(codes[:ROWS], names, generator),
        correlations,
        names,
    )


def _correlations(codes: Array) -> Array:
    """(size, size); 0 with a unit that is constant here, and 1 with itself."""
    centered = codes - codes.mean(axis=0)
    scale = np.sqrt((centered**2).sum(axis=0))
    centered /= np.where(scale > 0, scale, 1.0)
    found = centered.T @ centered
    np.fill_diagonal(found, 1.0)
    return np.asarray(found)


def _copies(correlations: Array, n: int, names: NDArray[np.int64]) -> tuple[tuple[int, int, float], ...]:
    """Pairs whose correlation is above ``COPY``, by its interval after Fisher (z of standard error 1 / sqrt(n - 3))."""
    first, second = np.triu_indices(len(correlations), 1)
    values = correlations[first, second]
    size = np.arctanh(np.clip(np.abs(values), 0, 1 - 1e-12)) - 1.96 / np.sqrt(max(n - 3, 1))
    sure = np.flatnonzero(size > np.arctanh(COPY))
    order = sure[np.argsort(-np.abs(values[sure]), kind="stable")]
    return tuple((int(names[first[at]]), int(names[second[at]]), float(values[at])) for at in order)


def _predictions(
    codes: Array, names: NDArray[np.int64], generator: np.random.Generator
) -> dict[str, tuple[float, float]]:
    """Cross-fitted shares of the variance of a few units that the others explain, by a curved and a straight fit."""
    from sklearn.kernel_ridge import KernelRidge
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import cross_val_predict

    scaled = (codes - codes.mean(axis=0)) / np.maximum(codes.std(axis=0), 1e-30)
    scaled = scaled[:, codes.std(axis=0) > 0]
    size = scaled.shape[1]
    if size < 2:
        return {}
    fits = KernelRidge(kernel="rbf", gamma=0.5 / (size - 1), alpha=0.1), Ridge(1.0)
    found = {}
    for place in np.sort(generator.permutation(size)[:PREDICTED]):
        others, unit = np.delete(scaled, place, axis=1), scaled[:, place]
        curved, straight = (
            1 - float(((cross_val_predict(fit, others, unit, cv=FOLDS) - unit) ** 2).mean()) for fit in fits
        )
        found[f"unit {names[codes.std(axis=0) > 0][place]}"] = curved, straight
    return found


@dataclass(frozen=True)
class Parts:
    """A code of two parts. first : units of the first one. shared, null : mean canonical correlation, and permuted."""

    first: int
    shared: Interval
    null: float
    rows: int


def _parts(patient: Patient, generator: np.random.Generator) -> Parts | None:
    """The two parts of a code that two encoders made; None for other codes."""
    if patient.model is None or not isinstance(patient.model.network_.parts.architecture, Branches):
        return None
    first = patient.model.network_.parts.architecture.first_size or patient.code_size // 2
    fitted, judged = patient.train_codes, patient.codes
    if not patient.held_out:
        fitted, judged = judged[::2], judged[1::2]
    n = len(judged)

    def shared(rows: NDArray[np.int64], others: NDArray[np.int64]) -> float:
        held_out = judged[rows, :first], judged[others, first:]
        return mean_canonical_correlation(fitted[:, :first], fitted[:, first:], held_out=held_out)

    order = np.arange(n)
    draws = (generator.integers(n, size=n) for _ in range(RESAMPLES // 2))
    low, high = np.percentile([shared(rows, rows) for rows in draws], [2.5, 97.5])
    return Parts(
        first,
        Interval(shared(order, order), float(low), float(high)),
        shared(order, generator.permutation(n)),
        n,
    )


def _severity(units: Units, explained: Interval, parts: Parts | None) -> Severity:
    size = len(units.names)
    if size > 2 and units.one.above(ONE):
        return "failure" if explained.below(EXPLAINED) else "warning"
    if parts is not None and parts.shared.above(PARTS):
        return "warning"
    if units.rank.below(HALF * size) and len(units.copies) >= max(1, size // 8):
        return "warning"
    # Two units have no half of their number to fall below.
    if units.copies or units.rank.below(HALF * units.null_rank):
        return "info"
    return "info" if parts is not None and parts.shared.above(SOME_PARTS) else "ok"


def _title(severity: Severity, units: Units, parts: Parts | None) -> str:
    size = len(units.names)
    said = f"{size} units of the code say about {units.rank.value:.1f} different things"
    if severity == "failure" or (size > 2 and units.one.above(ONE)):
        share = 100 * units.one.value
        return f"Nearly all {size} units of the code are one: {share:.0f} % of what they say is the same"
    if parts is not None and parts.shared.above(SOME_PARTS):
        return f"The two parts of the code share much: their mean canonical correlation is {parts.shared.value:.2f}"
    if units.copies:
        count = len(units.copies)
        return (
            f"{said}; {count} pair{'s' * (count != 1)} of them {'are' if count > 1 else 'is'} nearly a copy"
        )
    return said


def _evidence(units: Units, parts: Parts | None, n: int) -> dict[str, object]:
    evidence: dict[str, object] = {
        "effective_rank": Measure(
            units.rank.value,
            f"different things that {len(units.names)} units say: effective rank of their correlations",
            units.rank.low,
            units.rank.high,
            n,
            units.null_rank,
            "independent normal codes of as many rows and units",
        ),
        "one_direction": Measure(
            units.one.value,
            "share of the standardised units' variance in one direction",
            units.one.low,
            units.one.high,
            n,
            1 / len(units.names),
            "uncorrelated units, such as those of PCA",
        ),
        "copies": [
            f"units {first} and {second}: correlation {value:.3f}"
            for first, second, value in units.copies[:NAMED]
        ],
        "predicted": {
            name: Measure(
                curved,
                "share of a unit's variance that all others predict, on rows not learned from",
                n=min(n, ROWS),
                against=straight,
                null="a straight fit; independent units give 0 or less",
            )
            for name, (curved, straight) in units.predicted.items()
        },
    }
    if parts is not None:
        evidence["shared_by_parts"] = Measure(
            parts.shared.value,
            f"mean canonical correlation of the first {parts.first} units with the others",
            parts.shared.low,
            parts.shared.high,
            parts.rows,
            parts.null,
            "one part's rows permuted",
        )
    return evidence


_WHY: dict[Severity, str] = {
    "ok": "Each unit says something that the others do not.",
    "info": "Data often hold facts that go together, and so do units that tell them; it is worth knowing before single "
    "units are read as single facts.",
    "warning": "Units that say the same waste room, count one fact several times in distances between codes, and make "
    "weights of later models arbitrary.",
    "failure": "The code is one number written several times: whatever else tells rows apart is lost.",
}


def _remedies(patient: Patient, units: Units, parts: Parts | None) -> list[Remedy]:
    if patient.model is None:
        return [Remedy("Train with fewer units in the code, or with a cost on what units have in common.")]
    size = max(1, int(np.ceil(units.rank.high)))
    smaller = Remedy(
        f"Give the code {size} unit{'s' * (size != 1)}, about as many as it says different things.",
        resized(patient.model, size),
    )
    current = tuple(patient.model.penalties)
    others = tuple(penalty for penalty in current if not isinstance(penalty, Redundancy))
    heavier = (
        max((penalty.weight for penalty in current if isinstance(penalty, Redundancy)), default=0.1) * 10
    )
    split = parts.first if parts is not None else None
    penalty = Redundancy(heavier, split=split, measure="cross_correlation")
    apart = Remedy(
        "Add a cost on what one part of the code has in common with the other.",
        {"penalties": (*others, penalty)},
    )
    if parts is not None and parts.shared.above(PARTS):
        return [apart, smaller]
    return [smaller, apart] if patient.code_size > 1 else [smaller]


def _pictures(units: Units) -> list[Picture]:
    shown = min(len(units.names), 64)
    return [
        Picture(
            "matrix",
            {"correlation": units.correlations[:shown, :shown]},
            "Correlations between units of the code. Off the diagonal, squares near 1 or -1 are units that repeat each "
            "other.",
            names=tuple(str(name) for name in units.names[:shown]),
            axes=("unit", "unit"),
        )
    ]
