"""What does each code unit mean?"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from scipy.stats import false_discovery_control

from isthmus.doctor.check import Check
from isthmus.doctor.finding import Measure, Picture
from isthmus.doctor.statistics.intervals import mean

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from isthmus.doctor.finding import Finding
    from isthmus.doctor.patient import Patient

    Array = NDArray[np.float64]

#: Units that are described, those that move the output most.
DESCRIBED = 16
#: Units that are moved at all, those of the widest spread, and rows that each is moved in; the choice of those that
#: are described takes fewer rows.
MOVED, ROWS, ROWS_OF_CHOICE = 1_024, 200, 8
#: Numbers decoded at once.
BLOCK = 4_000_000
#: Features, and rows at either end, that are named of a unit.
NAMED, EXTREMES = 5, 5
#: Rows behind the mutual information with labels, whose cost grows faster than the rows.
LABELED_ROWS = 1_000
#: Places along a unit that are drawn, in standard deviations.
STATIONS = (-2.0, -1.0, 0.0, 1.0, 2.0)
#: Expected share of false ones among the units that are said to go with the labels.
FALSE_DISCOVERIES = 0.05


class OpaqueCode(Check):
    """For each of the code units that matter most: how far it spreads, what it moves, and which rows have most of it.

    A unit is moved one standard deviation either way from where it is in each row, all others left alone, and the
    change of the decoder's output is measured in model space. That is a finite difference over the range that codes
    really have, so it holds for any decoder, smooth or not. Of labels it is asked how much of a unit's variance they
    explain (the correlation ratio, the squared correlation for numbers) and how much information they share, beside
    labels in random order. It describes and does not judge: a code need not have units that mean something each.

    References: traversals: Higgins et al. (2017), ICLR, section 4; mutual information by nearest neighbors: Ross
    (2014), PLoS ONE 9, e87357.
    """

    code: ClassVar[str] = "opaque-code"
    question: ClassVar[str] = "What does each code unit mean?"
    order: ClassVar[int] = 90

    def run(self, patient: Patient) -> Finding:
        generator = patient.generator(self.code)
        spread = patient.codes.std(axis=0, dtype=np.float64)
        effects = _effects(patient, spread)
        total = float(sum(effects.values()))
        if not total > 0:
            return self.finding(
                "info",
                "No code unit changes the output when it is moved, so there is nothing to explain",
                {"units": patient.code_size},
                "Codes that the decoder does not read mean nothing; other findings say why.",
            )
        order = sorted(effects, key=lambda unit: -effects[unit])
        units = order[:DESCRIBED]
        moves = {unit: _Moves.of(patient, unit, spread[unit]) for unit in units}
        labels = _with_labels(patient, units, generator)
        described = {}
        for unit in units:
            strength = mean(moves[unit].effects, generator)
            described[f"unit {unit}"] = {
                "spread": Measure(spread[unit], "standard deviation of the unit", n=len(patient.codes)),
                "effect": Measure(
                    strength.value,
                    "squared change of the output for one standard deviation, summed over features",
                    strength.low,
                    strength.high,
                    len(moves[unit].effects),
                    0.0,
                    "a unit that is not read",
                ),
                "share": Measure(
                    effects[unit] / total,
                    "share of the effects of all units",
                    against=1 / len(effects),
                    null="units that all matter alike",
                ),
                **_features(patient, moves[unit].slopes),
                **labels.get(unit, {}),
                **_extremes(patient.codes[:, unit]),
            }
        return self.finding(
            "info",
            _title(order, effects, total),
            {"units": patient.code_size, "units_for_nine_tenths": _needed(order, effects, 0.9), **described},
            "Knowing what a unit moves, and which rows have much of it, is the beginning of trusting a code. A unit "
            "need not mean one thing: turning the code leaves most models as good as they are.",
            pictures=_pictures(patient, units, effects, total, spread),
        )


@dataclass(frozen=True, eq=False)
class _Moves:
    """effects (rows,) squared half differences of the output, summed. slopes (features,): their mean, with its sign."""

    effects: Array
    slopes: Array

    @classmethod
    def of(cls, patient: Patient, unit: int, size: float, rows: int = ROWS) -> _Moves:
        codes = patient.codes[: min(rows, max(ROWS_OF_CHOICE, BLOCK // patient.features))]
        step = np.zeros(codes.shape[1], dtype=np.float32)
        step[unit] = size
        both = patient.decode(np.concatenate([codes + step, codes - step])).astype(np.float64)
        half = (both[: len(codes)] - both[len(codes) :]) / 2
        return cls(np.square(half).sum(axis=1), half.mean(axis=0))


def _effects(patient: Patient, spread: Array) -> dict[int, float]:
    """Mean squared change of the output by unit; of units that do not vary, none."""
    widest = np.argsort(-spread, kind="stable")[:MOVED]
    rows = ROWS if patient.code_size <= DESCRIBED else ROWS_OF_CHOICE
    found = {}
    for unit in map(int, widest):
        moved = spread[unit] > 0
        found[unit] = float(_Moves.of(patient, unit, spread[unit], rows).effects.mean()) if moved else 0.0
    return found


def _needed(order: list[int], effects: Mapping[int, float], share: float) -> int:
    """Units, the strongest first, that together have a share of all effects."""
    sums = np.cumsum([effects[unit] for unit in order])
    return int(np.searchsorted(sums, share * sums[-1])) + 1


def _title(order: list[int], effects: Mapping[int, float], total: float) -> str:
    if len(order) == 1:
        return "The code is one unit, which does all that the output does"
    return (
        f"{_needed(order, effects, 0.9)} of {len(order)} code units make nine tenths of what the code does to the "
        f"output; the strongest, unit {order[0]}, makes {100 * effects[order[0]] / total:.0f} %"
    )


def _features(patient: Patient, slopes: Array) -> dict[str, Any]:
    """The named features that a unit moves most, with the change for one standard deviation; none for images."""
    if patient.has("images"):
        return {}
    most = np.argsort(-np.abs(slopes), kind="stable")[:NAMED]
    return {"moves": {patient.names[place]: float(slopes[place]) for place in most if slopes[place]}}


def _extremes(values: NDArray[np.float32]) -> dict[str, list[int]]:
    """Numbers of the rows, among those looked at, that have most and least of a unit."""
    order = np.argsort(values, kind="stable")
    return {"top_rows": order[::-1][:EXTREMES].tolist(), "bottom_rows": order[:EXTREMES].tolist()}


def _with_labels(
    patient: Patient, units: list[int], generator: np.random.Generator
) -> dict[int, dict[str, Any]]:
    """What labels say of each unit; nothing without labels, or with too few of them."""
    from sklearn.feature_selection import (
        f_classif,
        f_regression,
        mutual_info_classif,
        mutual_info_regression,
    )

    if patient.test.labels is None:
        return {}
    labels = np.asarray(patient.test.labels, dtype=np.float64)
    classes = patient.classes is not None
    rows = np.flatnonzero(labels >= 0 if classes else np.isfinite(labels))[:LABELED_ROWS]
    labels, codes = labels[rows], patient.codes[rows][:, units].astype(np.float64)
    varied = np.flatnonzero(codes.std(axis=0) > 0) if len(rows) else np.array([], dtype=int)
    kinds = len(np.unique(labels))
    if len(rows) < OpaqueCode.least_rows or kinds < 2 or (classes and kinds >= len(rows)) or not len(varied):
        return {}
    codes = codes[:, varied]
    shared = mutual_info_classif if classes else mutual_info_regression
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # classes of a single row are named by sklearn, and are no harm here
        f, p = (f_classif if classes else f_regression)(codes, labels)
        seed = int(generator.integers(2**31))
        information = shared(codes, labels, random_state=seed)
        chance = shared(codes, generator.permutation(labels), random_state=seed)
    groups = kinds - 1 if classes else 1
    f = np.nan_to_num(f, posinf=1e300)
    explained = f * groups / (f * groups + len(rows) - groups - 1)
    sure = false_discovery_control(np.nan_to_num(p, nan=1.0)) < FALSE_DISCOVERIES
    found = {}
    for place, column in enumerate(varied):
        found[units[column]] = {
            "label_explains": Measure(
                explained[place],
                "share of the unit's variance that the labels explain",
                n=len(rows),
                against=groups / (len(rows) - 1),
                null="labels in random order",
            ),
            "label_information": Measure(
                information[place],
                "information that unit and labels share, in nats",
                n=len(rows),
                against=chance[place],
                null="labels in random order",
            ),
            "goes_with_label": bool(sure[place]),
            **(
                _of_classes(patient, codes[:, place], labels)
                if classes
                else _of_numbers(codes[:, place], labels)
            ),
        }
    return found


def _of_classes(patient: Patient, values: Array, labels: Array) -> dict[str, Any]:
    """The classes that have most and least of a unit on average, in its standard deviations from the mean."""
    standard = (values - values.mean()) / values.std()
    means = {int(label): float(standard[labels == label].mean()) for label in np.unique(labels)}
    names = patient.classes or ()
    ends = {
        "class_with_most": max(means, key=means.__getitem__),
        "class_with_least": min(means, key=means.__getitem__),
    }
    return {
        what: {names[label] if label < len(names) else str(label): means[label]}
        for what, label in ends.items()
    }


def _of_numbers(values: Array, labels: Array) -> dict[str, Any]:
    """The linear correlation, with its interval by Fisher's transformation."""
    value = float(np.corrcoef(values, labels)[0, 1])
    center, width = np.arctanh(np.clip(value, -0.999999, 0.999999)), 1.96 / np.sqrt(max(len(values) - 3, 1))
    low, high = np.tanh([center - width, center + width])
    measure = Measure(
        value,
        "correlation of unit and label",
        float(low),
        float(high),
        len(values),
        0.0,
        "no linear relation",
    )
    return {"label_correlation": measure}


def _pictures(
    patient: Patient, units: list[int], effects: Mapping[int, float], total: float, spread: Array
) -> list[Picture]:
    bars = Picture(
        "bars",
        {"share of all effects": np.array([effects[unit] / total for unit in units])},
        "What each unit does to the output when it moves by one standard deviation. Bars of equal length mean that no "
        "unit matters more than another; a few long ones carry the code.",
        names=tuple(f"unit {unit}" for unit in units),
    )
    if patient.has("images"):
        return [bars, _traversals(patient, units[:8], spread)]
    slopes = np.stack([_Moves.of(patient, unit, spread[unit]).slopes for unit in units])
    features = np.argsort(-np.abs(slopes).max(axis=0), kind="stable")[:20]
    named = ", ".join(patient.names[place] for place in features)
    heat = Picture(
        "matrix",
        {"change of a feature": slopes[:, features]},
        "Mean change of a feature when a unit rises by one standard deviation, in model units. A row with one strong "
        f"entry is a unit that means one feature. Features from left to right: {named}.",
        names=tuple(f"unit {unit}" for unit in units),
        axes=("feature", "unit"),
    )
    return [bars, heat]


def _traversals(patient: Patient, units: list[int], spread: Array) -> Picture:
    """A row of pictures a unit, from two deviations below the mean code to two above."""
    middle = patient.codes.mean(axis=0)
    series = {}
    for unit in units:
        codes = np.repeat(middle[None], len(STATIONS), axis=0)
        codes[:, unit] += np.asarray(STATIONS, dtype=np.float32) * np.float32(spread[unit])
        series[f"unit {unit}"] = patient.images(patient.decode(codes))
    return Picture(
        "images",
        series,
        "What the decoder makes of the mean code while one unit goes from two standard deviations below its mean to "
        "two above. A row in which one thing changes is a unit that is easy to name.",
    )
