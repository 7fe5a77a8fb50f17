"""Can the decoder's output range reach the data?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from isthmus.architectures.branches import Branches
from isthmus.doctor.check import Check
from isthmus.doctor.finding import Measure, Picture, Remedy
from isthmus.doctor.statistics.intervals import ratio
from isthmus.nn.activations import SQUASHING

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from isthmus.architectures.architecture import Architecture
    from isthmus.doctor.finding import Finding, Severity
    from isthmus.doctor.patient import Patient
    from isthmus.doctor.rows import Rows

#: Shares of the data's variance that the range costs. A twentieth is what a dimension of a code is often worth; a
#: hundredth is what healthy models lose by a few outlying entries at most.
FAILURE, WARNING = 0.05, 0.01
#: How far codes are moved away from their mean, in multiples of where they are. Factors beyond some dozen add nothing:
#: bounded outputs stand at their bounds by then, the others have left the data's range long ago.
STRETCHES = (1.0, 3.0, 10.0, 30.0)
#: Codes decoded for each of them.
CODES = 1_000
#: Entries nearer to the range than this share of their standard deviation count as inside.
ROUNDING = 1e-4
#: A feature whose outputs vary less than this share of its standard deviation is not limited, but not reconstructed.
STILL = 1e-3
#: An end of the outputs is a wall where more than this share of them lie this near, in standard deviations of
#: the data: a logistic unit has most of its outputs there for codes far out, a linear one almost none.
GATHERED, NEAR = 0.05, 0.01
#: Features named in the evidence, and values drawn in the picture.
NAMED, DRAWN = 10, 20_000
#: Activations of the last layer that have an end. One that squashes on both sides is named in SQUASHING.
_ENDS = SQUASHING | {"relu": (0.0, np.inf), "softplus": (0.0, np.inf)}


@dataclass(frozen=True)
class _Range:
    """low, high : (features,) ends of what the decoder can answer. known : by its parts, else found by trying."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    known: bool


class TargetRange(Check):
    """The error that is left when every entry is answered by the nearest number that the decoder can give.

    That error is in no weight's power, so it is a lower bound of what any training reaches. The range follows from the
    last activation and the loss; for functions, and for modules of the user's own, it is where outputs go for codes of
    the data, for the same codes stretched away from their mean, and for random ones.
    """

    code: ClassVar[str] = "target-range"
    question: ClassVar[str] = "Can the decoder's output range reach the data?"
    order: ClassVar[int] = 5

    def run(self, patient: Patient) -> Finding:
        reach = _declared(patient) or _tried(patient)
        lost, outside = _lost(patient.train, reach), _outside(patient.train, reach)
        whole = patient.train.squares(patient.baselines.mean[None])
        if not whole.sum():
            return self.skipped("no entry of these rows varies, so there is nothing to reach.")
        share = ratio(lost.sum(axis=1), whole.sum(axis=1), patient.generator(self.code))
        worst = np.argsort(-lost.sum(axis=0), kind="stable")[:NAMED]
        worst = worst[lost.sum(axis=0)[worst] > 0]
        evidence: dict[str, Any] = {
            "lost_to_range": Measure(
                share.value,
                "share of the data's variance that no training can explain, because outputs cannot get there",
                share.low,
                share.high,
                len(lost),
                0.0,
                "a decoder that can answer with any number",
            ),
            "entries_outside": Measure(
                outside, "share of the entries that lie outside the range", n=lost.size
            ),
            "range": {
                "low": float(reach.low.min()),
                "high": float(reach.high.max()),
                "found by": "the parts"
                if reach.known
                else "decoding the data's codes, stretched ones and random ones",
            },
            "data": {"low": float(patient.train.x.min()), "high": float(patient.train.x.max())},
            "features": {patient.names[place]: float(lost[:, place].sum() / whole.sum()) for place in worst},
        }
        if patient.held_out:
            held_out = _lost(patient.test, reach).sum() / max(patient.mean_squares.sum(), 1e-300)
            evidence["lost_of_held_out"] = Measure(
                float(held_out), "the same of held-out rows, which may lie further out", n=len(patient.test)
            )
        why = "No training removes this error: weights cannot push an output past the end of its range."
        severity: Severity = (
            "failure" if share.above(FAILURE) else "warning" if share.above(WARNING) else "ok"
        )
        if severity == "ok":
            return self.finding(
                "ok",
                f"Its outputs can reach the data: {_percent(share.value)} of the variance lies beyond them",
                evidence,
                why,
            )
        return self.finding(
            severity,
            f"Its outputs cannot reach the data: {_percent(share.value)} of the variance lies {_words(reach)}, "
            f"where {_percent(outside)} of the entries are",
            evidence,
            why,
            *_remedies(patient),
            pictures=[_picture(patient, reach)],
        )


def _declared(patient: Patient) -> _Range | None:
    """The range that the parts of a model say; None for functions and for modules of the user's own."""
    if patient.model is None:
        return None
    network = patient.model.network_
    activation = _last_activation(network.parts.architecture)
    if activation is None:
        return None
    low, high = (0.0, 1.0) if network.parts.loss.on_logits else _ENDS.get(activation, (-np.inf, np.inf))
    lows, highs = np.full(patient.features, low), np.full(patient.features, high)
    for column in network.event.columns:
        if column.kind == "categorical":  # probabilities of levels
            lows[column.entries], highs[column.entries] = 0.0, 1.0
    return _Range(lows, highs, known=True)


def _last_activation(architecture: Architecture) -> str | None:
    if isinstance(architecture, Branches):
        return _last_activation(architecture.second)
    return getattr(architecture, "output_activation", None)


def _tried(patient: Patient) -> _Range:
    """Where outputs go, feature by feature. An end at which outputs do not gather is no end, only the furthest yet."""
    codes = patient.train_codes[:CODES].astype(np.float64)
    center, scale = codes.mean(axis=0), codes.std(axis=0)
    generator = patient.generator("target-range, codes")
    found = []
    for factor in STRETCHES:
        random = generator.normal(size=codes.shape) * scale
        for tried in (codes - center, random):
            try:
                found.append(patient.decode((center + factor * tried).astype(np.float32)))
            except (ArithmeticError, LookupError, RuntimeError, ValueError):
                continue  # a decoder may refuse codes that no row has
    outputs = np.concatenate(found or [patient.train_reconstruction])
    low, high = outputs.min(axis=0).astype(np.float64), outputs.max(axis=0).astype(np.float64)
    spread = patient.train.x.std(axis=0, dtype=np.float64)
    near = NEAR * np.minimum(high - low, spread)
    moves = high - low > STILL * spread
    floor = moves & ((outputs <= low + near).mean(axis=0) > GATHERED)
    ceiling = moves & ((outputs >= high - near).mean(axis=0) > GATHERED)
    return _Range(np.where(floor, low, -np.inf), np.where(ceiling, high, np.inf), known=False)


def _lost(rows: Rows, reach: _Range) -> NDArray[np.float64]:
    """(n, features) squared distances of the known entries from the range."""
    return rows.squares(np.clip(rows.x, reach.low, reach.high))


def _outside(rows: Rows, reach: _Range) -> float:
    """The share of the known entries beyond the range."""
    slack = ROUNDING * rows.x.std(axis=0, dtype=np.float64)
    beyond = (rows.x < reach.low - slack) | (rows.x > reach.high + slack)
    return float(beyond.mean() if rows.known is None else beyond[rows.known].mean())


def _remedies(patient: Patient) -> list[Remedy]:
    if patient.model is None:
        text = (
            "Let the decoder end in a linear layer, or scale the data into the range that its last layer has."
        )
        return [Remedy(text)]
    parts = patient.model.network_.parts
    if parts.loss.on_logits:
        return [Remedy("Use squared errors, whose outputs can be any number.", {"loss": "mse"})]
    nested = "architecture__second" if isinstance(parts.architecture, Branches) else "architecture"
    activation = _last_activation(parts.architecture)
    if activation is None:
        return [Remedy("Let the module of the decoder end in a linear layer.")]
    linear = {f"{nested}__output_activation": "identity"}
    text = f"Let the decoder end in a linear layer, without {activation}"
    found = [Remedy(f"{text}.", linear)]
    if patient.model.scaling == "none" and not patient.has("images"):
        whole = Remedy(f"{text}, and bring every column to one spread.", linear | {"scaling": "standard"})
        found.insert(0, whole)
    return [
        *found,
        Remedy("Scale every feature into [0, 1], which the last layer can reach.", {"scaling": "minmax"}),
    ]


def _picture(patient: Patient, reach: _Range) -> Picture:
    rows = patient.train
    values = rows.x if rows.known is None else rows.x[rows.known]
    outputs = patient.train_reconstruction.ravel()
    marks: dict[str, float] = {
        name: float(end)
        for name, end in (("lowest output", reach.low.min()), ("highest output", reach.high.max()))
        if np.isfinite(end)
    }
    return Picture(
        "histogram",
        {"data": _some(values.ravel()), "reconstructions": _some(outputs)},
        "Entries of the data and of their reconstructions. What lies beyond the marked ends cannot be reached.",
        axes=("value in model space", "entries"),
        marks=marks,
    )


def _some(values: Any) -> NDArray[np.float64]:
    return np.asarray(values[:: max(1, len(values) // DRAWN)], dtype=np.float64)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.1 or share == 0 else f"{100 * share:.2g} %"


def _words(reach: _Range) -> str:
    if not reach.known:
        return "beyond ends that its outputs never pass, whatever the code"
    low, high = reach.low.min(), reach.high.max()
    return f"below {low:g}" if not np.isfinite(high) else f"outside [{low:g}, {high:g}]"
