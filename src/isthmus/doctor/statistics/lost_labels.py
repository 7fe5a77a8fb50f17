"""What codes have lost of what the rows say about labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.doctor.finding import Measure, Picture
from isthmus.doctor.statistics.columns import Columns, filled
from isthmus.doctor.statistics.probes import difference, labelled, lost_share, probe

if TYPE_CHECKING:
    from isthmus.doctor.finding import Severity
    from isthmus.doctor.patient import Patient
    from isthmus.doctor.statistics.intervals import Interval
    from isthmus.doctor.statistics.probes import Labelled

#: Shares that are surely lost: most of it, and enough to be missed.
FAILURE, WARNING = 0.5, 0.25
#: A share so large that it is a failure even where PCA of the same size loses as much.
ANYHOW = 0.75
#: What labels must be above chance in the rows themselves for anything to be lost.
SAYS = 0.1


@dataclass(frozen=True, eq=False)
class LabelLoss:
    """Scores of probes, and what they say was lost. better : score of PCA codes less that of codes."""

    rows: Labelled
    scores: dict[str, Interval]
    kinds: dict[str, str]
    lost: Interval
    better: Interval

    @classmethod
    def of(cls, patient: Patient, generator: np.random.Generator) -> LabelLoss | None:
        """None without labels, and where too few rows have them."""
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
        return cls(
            rows,
            {name: one.score(generator) for name, one in probes.items()},
            {name: one.kind for name, one in probes.items()},
            lost_share(probes["rows"], probes["codes"], rows.chance, generator),
            difference(probes["pca"], probes["codes"], generator),
        )

    @property
    def empty(self) -> bool:
        """Whether the rows themselves hardly say anything about the labels."""
        return not self.scores["rows"].above(self.rows.chance + SAYS)

    @property
    def kept(self) -> bool:
        """Whether codes surely keep what rows say."""
        return not self.empty and self.lost.below(WARNING)

    @property
    def severity(self) -> Severity:
        """By how much is lost, beside PCA codes."""
        if self.empty:
            return "ok"
        if self.lost.above(FAILURE) and (self.better.above(0.0) or self.lost.above(ANYHOW)):
            return "failure"
        if self.lost.above(WARNING) and (self.better.value >= 0.0 or self.lost.above(FAILURE)):
            return "warning"
        return "info" if self.lost.above(WARNING) else "ok"

    @property
    def measure(self) -> str:
        """What scores are, in words."""
        return "balanced accuracy" if self.rows.targets[1].classes else "R^2"

    @property
    def title(self) -> str:
        """The verdict in a sentence."""
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
        """Measures by name, how probes were fitted, and classes left out."""
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

    @property
    def picture(self) -> Picture:
        """Scores beside each other."""
        return Picture(
            "bars",
            {self.measure: np.array([score.value for score in self.scores.values()])},
            "How well labels are predicted from rows, from codes and from PCA codes of the same size. Codes should "
            "come near the rows.",
            names=("rows", "codes", "PCA codes"),
            marks={"chance": self.rows.chance},
        )
