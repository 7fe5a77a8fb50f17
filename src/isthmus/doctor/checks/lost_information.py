"""Did the code drop what matters because it is small in magnitude?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from isthmus.doctor.check import Check
from isthmus.doctor.finding import SEVERITIES, Measure, Picture, Remedy
from isthmus.doctor.statistics.columns import Columns, errors_from_others, errors_of_pca, filled
from isthmus.doctor.statistics.intervals import Interval, quotient, share_explained
from isthmus.doctor.statistics.probes import difference, labelled, lost_share, probe

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from isthmus.doctor.finding import Finding, Severity
    from isthmus.doctor.patient import Patient
    from isthmus.doctor.statistics.probes import Labelled

    Array = NDArray[np.float64]

#: Shares that are surely lost: most of it, and enough to be missed.
FAILURE, WARNING = 0.5, 0.25
#: A share so large that it is a failure even where PCA of the same size loses as much.
ANYHOW = 0.75
#: What labels must be above chance in the rows themselves for anything to be lost.
SAYS = 0.1
#: A column is small where its spread is below this share of the largest one: a hundredth of its squared error.
SMALL = 0.1
#: What the other columns must explain of a column for it to be structure and not noise.
PREDICTABLE = 0.3
#: A column that mostly holds one value varies little because it seldom speaks, not because of its unit.
MOSTLY_ONE = 0.9
#: What PCA of scaled columns has to explain of small columns, for a code of this size to have had room for them.
ROOM = 0.2
#: Share of the varying columns that the lost ones have to be for a failure.
MANY = 0.2
_NAMED = 8
_NOTHING = Interval(0.0, 0.0, 0.0)


class LostInformation(Check):
    """What labels can be predicted from, the rows or their codes; and columns of small unit that were left out.

    With labels: the same probes (a linear one and random trees, the better one of each) predict them from the rows,
    from the codes and from PCA codes of the same size, on rows that they did not learn from. What is lost is the drop
    in what the rows say beyond chance. Without labels: columns of small spread that the other columns predict are
    structure; how much of them is reconstructed is compared with PCA of the same size on columns brought to one
    spread, which shows that a code of that size has room for them.
    """

    code: ClassVar[str] = "lost-information"
    question: ClassVar[str] = "Did the code drop what matters because it is small in magnitude?"
    order: ClassVar[int] = 15

    def run(self, patient: Patient) -> Finding:
        generator = patient.generator(self.code)
        columns = _columns(patient, generator)
        labels = _labels(patient, generator)
        by_columns, by_labels = columns.severity, labels.severity if labels else "ok"
        if labels is not None and labels.kept and by_columns == "failure":
            by_columns = "warning"  # what the labels ask for is there
        severity = max(by_columns, by_labels, key=SEVERITIES.index)
        evidence = columns.evidence(patient) | (labels.evidence(patient) if labels else {})
        title = labels.title if labels and by_labels == severity else columns.title
        return self.finding(
            severity,
            title,
            evidence,
            "A loss of squared errors counts what is large. What is measured in a small unit, or varies little, is "
            "left out first, and it may be what the codes are needed for.",
            *(_remedies(patient, columns, labels) if severity in ("warning", "failure") else ()),
            pictures=_pictures(patient, columns, labels),
        )


@dataclass(frozen=True, eq=False)
class _LabelLoss:
    """Scores of probes, and what they say was lost. better : score of PCA codes less that of codes."""

    rows: Labelled
    scores: dict[str, Interval]
    kinds: dict[str, str]
    lost: Interval
    better: Interval

    @property
    def empty(self) -> bool:
        """Whether the rows themselves hardly say anything about the labels."""
        return not self.scores["rows"].above(self.rows.chance + SAYS)

    @property
    def kept(self) -> bool:
        return not self.empty and self.lost.below(WARNING)

    @property
    def severity(self) -> Severity:
        if self.empty:
            return "ok"
        if self.lost.above(FAILURE) and (self.better.above(0.0) or self.lost.above(ANYHOW)):
            return "failure"
        if self.lost.above(WARNING) and (self.better.value >= 0.0 or self.lost.above(FAILURE)):
            return "warning"
        return "info" if self.lost.above(WARNING) else "ok"

    @property
    def measure(self) -> str:
        return "balanced accuracy" if self.rows.targets[1].classes else "R^2"

    @property
    def title(self) -> str:
        whole, code, pca = (self.scores[name].value for name in ("rows", "codes", "pca"))
        if self.empty:
            return (
                f"Labels cannot be predicted from the rows themselves ({self.measure} {whole:.2f}, chance "
                f"{self.rows.chance:.2f}), so none of it can be lost"
            )
        told = f"{self.measure} {whole:.2f} from rows, {code:.2f} from codes, {pca:.2f} from PCA codes of the same size"
        lost = max(self.lost.value, 0.0)
        if self.severity == "ok":
            return f"Codes keep what rows say about the labels: {told}"
        return f"Codes have lost {100 * lost:.0f} % of what rows say about the labels: {told}"

    def evidence(self, patient: Patient) -> dict[str, Any]:
        n, chance = len(self.rows.judge), self.rows.chance
        texts = {"rows": "rows", "codes": "codes", "pca": "PCA codes of the same size"}
        found: dict[str, Any] = {
            f"labels_from_{name}": Measure(
                score.value,
                f"{self.measure} of labels predicted from {texts[name]} ({self.kinds[name]} probe)",
                score.low,
                score.high,
                n,
                chance,
                "a guess that reads nothing",
            )
            for name, score in self.scores.items()
        }
        if not self.empty:
            found["labels_lost"] = Measure(
                self.lost.value,
                "share of what rows say about labels beyond chance that codes do not",
                self.lost.low,
                self.lost.high,
                n,
                0.0,
                "codes that keep all of it",
            )
        found["probes"] = (
            "cross-fitted" if self.rows.crossed else "fitted on training rows, judged on held-out ones"
        )
        if self.rows.left_out:
            names = patient.classes or ()
            found["classes_left_out"] = [names[place] for place in self.rows.left_out if place < len(names)]
        return found


@dataclass(frozen=True, eq=False)
class _ColumnLoss:
    """small : columns of small spread that others predict. Shares explained, of these together: by the reconstruction
    (``kept``) and by PCA of scaled columns (``room``); ``lost`` of the latter. Each column's shares: ``of_columns``,
    (3, features) by the reconstruction, by PCA of scaled columns and by the other columns. own, unit : variance
    explained in the model's units and with every column at one spread.
    """

    small: NDArray[np.intp]
    varying: int
    kept: Interval
    room: Interval
    lost: Interval
    of_columns: Array
    own: Interval
    unit: Interval
    rows: int

    @property
    def severity(self) -> Severity:
        if not len(self.small) or not self.room.above(ROOM) or not self.lost.above(WARNING):
            return "ok"
        many = len(self.small) >= MANY * self.varying
        return "failure" if self.lost.above(FAILURE) and many else "warning"

    @property
    def title(self) -> str:
        if self.severity == "ok":
            small = (
                f"{len(self.small)} columns of small spread have structure"
                if len(self.small)
                else ("no column of small spread has structure")
            )
            explained = f"{100 * self.own.value:.0f} % of the variance is explained"
            return f"Nothing is lost for being small: {small}, and {explained}"
        return (
            f"{len(self.small)} of {self.varying} columns are lost because their numbers are small: "
            f"{100 * max(self.kept.value, 0.0):.0f} % of their variance is reconstructed, where PCA of the same size "
            f"on scaled columns keeps {100 * self.room.value:.0f} %"
        )

    def evidence(self, patient: Patient) -> dict[str, Any]:
        found: dict[str, Any] = {
            "explained_in_own_units": Measure(
                self.own.value,
                "share of the variance that reconstructions explain, in the model's units",
                self.own.low,
                self.own.high,
                self.rows,
                0.0,
                "the mean of the training rows",
            ),
            "explained_in_unit_variance": Measure(
                self.unit.value,
                "the same with every column brought to one spread",
                self.unit.low,
                self.unit.high,
                self.rows,
                self.own.value,
                "in the model's units",
            ),
            "small_columns": Measure(
                float(len(self.small)),
                f"columns whose spread is below {SMALL:g} of the largest and which other columns predict",
                n=self.varying,
                against=0.0,
                null="columns of one unit",
            ),
        }
        if not len(self.small):
            return found
        found["small_columns_explained"] = Measure(
            self.kept.value,
            "share of their variance that reconstructions explain",
            self.kept.low,
            self.kept.high,
            self.rows,
            self.room.value,
            "PCA of the same size on scaled columns",
        )
        found["lost_columns"] = [
            f"{patient.names[place]}: {_percent(self.of_columns[0, place])} explained by the reconstruction, "
            f"{_percent(self.of_columns[2, place])} by the other columns"
            for place in self.worst()
        ]
        return found

    def worst(self) -> NDArray[np.intp]:
        """The small columns of which most is lost."""
        gap = self.of_columns[2, self.small] - self.of_columns[0, self.small]
        return self.small[np.argsort(-gap, kind="stable")][:_NAMED]


def _labels(patient: Patient, generator: np.random.Generator) -> _LabelLoss | None:
    if not patient.has("labels"):
        return None
    rows = labelled(
        patient.train, patient.test, held_out=patient.held_out, classes=patient.classes is not None
    )
    if not rows.usable:
        return None
    mean = Columns.of(patient.train).mean
    pca = patient.baselines.pca_codes
    inputs = {
        "rows": (filled(patient.train, mean), filled(patient.test, mean)),
        "codes": (patient.train_codes, patient.codes),
        "pca": (pca(patient.train.x, patient.train.known), pca(patient.test.x, patient.test.known)),
    }
    probes = {name: probe(*pair, rows, generator) for name, pair in inputs.items()}
    return _LabelLoss(
        rows,
        {name: one.score(generator) for name, one in probes.items()},
        {name: one.kind for name, one in probes.items()},
        lost_share(probes["rows"], probes["codes"], rows.chance, generator),
        difference(probes["pca"], probes["codes"], generator),
    )


def _columns(patient: Patient, generator: np.random.Generator) -> _ColumnLoss:
    columns = Columns.of(patient.train)
    learn, judge = columns.standard(patient.train), columns.standard(patient.test)
    scale = np.where(columns.spread > 0, columns.spread, np.inf)
    errors = np.stack(
        [
            patient.squares / scale**2,
            patient.test.squares(columns.mean) / scale**2,
            *(
                one if patient.test.known is None else one * patient.test.known
                for one in _baselines(patient, learn, judge)
            ),
        ]
    )
    totals = errors.sum(axis=1)
    shares = 1.0 - quotient(totals[[0, 2, 3]], totals[1])
    varying = columns.spread > 0
    candidates = (
        varying
        & (columns.spread < SMALL * columns.spread.max(initial=0.0))
        & (columns.common < MOSTLY_ONE)
        & (np.nan_to_num(shares[2]) > PREDICTABLE)
    )
    small = np.flatnonzero(candidates)
    chosen = errors[:, :, small].sum(axis=2)
    reference = patient.mean_squares.sum(axis=1)
    return _ColumnLoss(
        small=small,
        varying=int(varying.sum()),
        kept=share_explained(chosen[0], chosen[1], generator) if len(small) else _NOTHING,
        room=share_explained(chosen[2], chosen[1], generator) if len(small) else _NOTHING,
        lost=_lost(chosen, generator),
        of_columns=shares,
        own=share_explained(patient.squares.sum(axis=1), reference, generator),
        unit=share_explained(errors[0].sum(axis=1), errors[1].sum(axis=1), generator),
        rows=len(judge),
    )


def _baselines(patient: Patient, learn: Array, judge: Array) -> tuple[Array, Array]:
    """Squared errors by PCA of scaled columns and by the other columns; cross-fitted without held-out rows."""
    if patient.held_out:
        return errors_of_pca(learn, judge, patient.code_size), errors_from_others(learn, judge)
    half = len(judge) // 2  # rows come in random order
    pieces = [
        (errors_of_pca(one, other, patient.code_size), errors_from_others(one, other))
        for one, other in ((judge[half:], judge[:half]), (judge[:half], judge[half:]))
    ]
    first, second = (np.concatenate(parts) for parts in zip(*pieces, strict=True))
    return first, second


def _lost(chosen: Array, generator: np.random.Generator) -> Interval:
    """Share of what PCA of scaled columns explains that the reconstruction does not: (e0 - e2) / (e1 - e2)."""
    if not chosen[1].sum() > chosen[2].sum():
        return _NOTHING
    return share_explained(chosen[1] - chosen[0], chosen[1] - chosen[2], generator)


def _remedies(patient: Patient, columns: _ColumnLoss, labels: _LabelLoss | None) -> list[Remedy]:
    found = []
    scaled = "Bring every column to one spread before training, so that each counts alike."
    if len(columns.small):
        model = patient.model
        if model is None:
            found.append(Remedy(scaled))
        elif model.scaling != "standard":
            found.append(Remedy(scaled, {"scaling": "standard"}))
    if labels is not None and labels.severity in ("warning", "failure"):
        found.append(_told(patient, labels))
    if patient.model is not None and patient.code_size < patient.features:
        size = min(2 * patient.code_size, patient.features)
        found.append(Remedy(f"Take a larger code ({size} numbers).", {"code__size": size}))
    elif patient.model is None:
        found.append(Remedy("Take a larger code."))
    return found


def _told(patient: Patient, labels: _LabelLoss) -> Remedy:
    """Training that is told what matters."""
    if not labels.rows.targets[1].classes:
        return Remedy(
            "Give the labels to the model as one more column, or weigh the columns that they depend on more."
        )
    text = "Ask the code for the labels while it is trained, by a classifier on it (fit needs y then)."
    if patient.model is None:
        return Remedy(text)
    from isthmus.penalties.classifier import Classifier

    others = [one for one in patient.model.penalties if not isinstance(one, Classifier)]
    # As many nats of a wrong guess as a row's reconstruction costs now, so that neither is drowned.
    weight = float(f"{max(0.5 * float(patient.squares.sum(axis=1).mean()), 1e-3):.2g}")
    return Remedy(text, {"penalties": (*others, Classifier(weight=weight))})


def _pictures(patient: Patient, columns: _ColumnLoss, labels: _LabelLoss | None) -> list[Picture]:
    pictures = []
    if labels is not None:
        pictures.append(
            Picture(
                "bars",
                {labels.measure: np.array([score.value for score in labels.scores.values()])},
                "How well labels are predicted from rows, from codes and from PCA codes of the same size. Codes should "
                "come near the rows.",
                names=("rows", "codes", "PCA codes"),
                marks={"chance": labels.rows.chance},
            )
        )
    if len(columns.small):
        worst = columns.worst()
        texts = ("reconstruction", "PCA of scaled columns", "the other columns")
        pictures.append(
            Picture(
                "bars",
                {name: np.maximum(columns.of_columns[row, worst], 0.0) for row, name in enumerate(texts)},
                "Columns of small spread: the share of each that is explained. Where the other columns know it and the "
                "reconstruction does not, it was left out for being small.",
                names=[patient.names[place] for place in worst],
            )
        )
    return pictures


def _percent(share: float) -> str:
    return f"{100 * max(float(share), 0.0):.0f} %"
