"""Does the training data represent the data it is used on?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from scipy.stats import chi2_contingency, false_discovery_control

from isthmus.doctor.check import Check
from isthmus.doctor.finding import Measure, Picture, Remedy
from isthmus.doctor.statistics.columns import Columns, with_known
from isthmus.doctor.statistics.intervals import Interval, ratio_of_samples
from isthmus.doctor.statistics.two_sample import classifier_auc, feature_tests, kernel_test

if TYPE_CHECKING:
    from collections.abc import Sequence

    from isthmus.doctor.finding import Finding, Severity
    from isthmus.doctor.patient import Patient
    from isthmus.doctor.statistics.two_sample import FeatureTests

#: Areas under the curve that the lower end of the interval has to exceed: .5 is chance. At .6 and .75 the classifier is
#: right about 57 % and 68 % of the time where both sides are equally likely and scores are normal.
WARNING, FAILURE = 0.6, 0.75
#: Above this one the difference is worth knowing.
NOTED = 0.55
#: Largest difference of cumulative shares from which a feature is named as moved, and of class shares likewise.
MOVED, MOVED_CLASS = 0.1, 0.05
#: Held-out errors in training errors that only a shift of some size makes, of the model and of PCA, which fits
#: training rows too loosely to be better on them for any other reason.
DEARER = 1.2
_NAMED = 8


class TrainTestShift(Check):
    """A classifier that is asked which rows were trained on and which were held out.

    Where both come from one distribution no classifier can know, and its area under the curve is .5 on rows that it did
    not learn from. Beside it stand a kernel test, tests of every feature with their false discoveries controlled, and
    errors on both sets. The size of the difference decides, not its significance, which grows with the rows.
    """

    code: ClassVar[str] = "train-test-shift"
    question: ClassVar[str] = "Does the training data represent the data it is used on?"
    needs: ClassVar[frozenset[str]] = frozenset({"test"})
    order: ClassVar[int] = 8

    def run(self, patient: Patient) -> Finding:
        generator = patient.generator(self.code)
        center = Columns.of(patient.train).mean
        rows = [
            with_known(one, other, center)
            for one, other in ((patient.train, patient.test), (patient.test, patient.train))
        ]
        auc = classifier_auc(rows[0], rows[1], generator)
        codes = classifier_auc(patient.train_codes, patient.codes, generator)
        kernel = kernel_test(_scaled(rows[0], rows[0]), _scaled(rows[1], rows[0]), generator)
        features = feature_tests(
            patient.train.x, patient.test.x, known=(patient.train.known, patient.test.known)
        )
        moved = features.moved(least=MOVED)
        dearer = self._errors(patient, generator)
        labels = _label_shift(patient)
        n = len(patient.test)
        evidence: dict[str, Any] = {
            "auc": _auc(
                auc, "how well a classifier tells held-out rows from training rows (area under the curve)", n
            ),
            "auc_codes": _auc(codes, "the same from codes", n),
            "kernel_share": Measure(
                kernel.share,
                "share of the distance between the two sets that is there because they differ (kernel)",
                n=min(kernel.rows),
                against=0.0,
                null=f"one distribution (permutation test: p = {kernel.p:.3f})",
            ),
            "moved_features": [_told(patient, features, place) for place in moved[:_NAMED]],
            "moved_count": Measure(
                float(len(moved)),
                "features that moved, after control of false discoveries",
                n=patient.features,
                against=0.0,
                null="one distribution",
            ),
            "error_ratio": _ratio(dearer[0], "error on held-out rows in that on training rows", n),
            "error_ratio_pca": _ratio(dearer[1], "the same of PCA, which hardly overfits", n),
        }
        if labels:
            evidence["moved_labels"] = labels
        visible = all(one.above(DEARER) for one in dearer) or bool(len(moved))
        severity: Severity = "ok"
        if auc.above(FAILURE) and visible:
            severity = "failure"
        elif auc.above(WARNING):
            severity = "warning"
        elif auc.above(NOTED) or codes.above(WARNING) or labels:
            severity = "info"
        return self.finding(
            severity,
            _title(severity, auc, codes, labels),
            evidence,
            "A model knows what it was trained on. Where the rows that it meets are others, its codes and its errors "
            "say less than they seemed to, and no change of its parts makes up for that.",
            *(_remedies(bool(labels)) if severity != "ok" else ()),
            pictures=_pictures(patient, features, moved),
        )

    @staticmethod
    def _errors(patient: Patient, generator: np.random.Generator) -> tuple[Interval, Interval]:
        """Held-out errors in training errors, a known entry, of the model and of PCA."""
        train, test = patient.train, patient.test
        pca = train.squares(patient.baselines.pca_reconstruction(train.x, train.known))
        counts = [np.maximum(rows.counts(), 1.0) for rows in (test, train)]
        ratios = [
            ratio_of_samples(held.sum(axis=1) / counts[0], own.sum(axis=1) / counts[1], generator)
            for held, own in (
                (patient.squares, train.squares(patient.train_reconstruction)),
                (patient.pca_squares, pca),
            )
        ]
        return ratios[0], ratios[1]


def _scaled(rows: Any, reference: Any) -> Any:
    """Rows whose columns have the reference's spread 1, so that no column rules the kernel by its unit."""
    spread = reference.std(axis=0, dtype=np.float64)
    # Columns of hardly any spread are kept from growing beyond the others.
    return rows / np.maximum(spread, 0.1 * max(float(spread.mean()), 1e-300))


def _auc(found: Interval, what: str, n: int) -> Measure:
    return Measure(found.value, what, found.low, found.high, n, 0.5, "rows of one distribution")


def _ratio(found: Interval, what: str, n: int) -> Measure:
    return Measure(found.value, what, found.low, found.high, n, 1.0, "no difference")


def _told(patient: Patient, features: FeatureTests, place: int) -> str:
    before, after = features.means[place]
    return (
        f"{patient.names[place]}: cumulative shares differ by {features.distance[place]:.2f} (surely more than "
        f"{features.low[place]:.2f}), mean {before:.3g} in training, {after:.3g} held out"
    )


def _label_shift(patient: Patient) -> list[str]:
    """Classes whose shares moved, the largest difference first; numbers whose distribution did."""
    if not patient.has("labels"):
        return []
    first, second = (np.asarray(rows.labels) for rows in (patient.train, patient.test))
    if patient.classes is None:
        columns = [values[np.isfinite(values)][:, None] for values in (first, second)]
        tests = feature_tests(*columns)
        if not len(tests.moved(least=MOVED)):
            return []
        return [f"labels: mean {tests.means[0, 0]:.3g} in training, {tests.means[0, 1]:.3g} held out"]
    counts = np.stack(
        [
            np.bincount(values[values >= 0].astype(np.intp), minlength=len(patient.classes))
            for values in (first, second)
        ]
    )
    return _moved_classes(counts, patient.classes)


def _moved_classes(counts: Any, names: Sequence[str]) -> list[str]:
    """counts (2, classes) -> the classes whose shares differ, in words."""
    totals = counts.sum(axis=1)
    if totals.min() == 0:
        return []
    p = [
        float(chi2_contingency(np.stack([one, totals - one], axis=1)).pvalue)
        if 0 < one.sum() < totals.sum()
        else 1.0
        for one in counts.T
    ]
    shares = counts / totals[:, None]
    apart = np.abs(shares[1] - shares[0])
    moved = (false_discovery_control(p) < 0.05) & (apart >= MOVED_CLASS)
    return [
        f"{names[place]}: {100 * shares[0, place]:.0f} % in training, {100 * shares[1, place]:.0f} % held out"
        for place in np.argsort(-apart, kind="stable")
        if moved[place]
    ][:_NAMED]


def _title(severity: str, auc: Interval, codes: Interval, labels: list[str]) -> str:
    if severity == "ok":
        apart = f"a classifier tells them apart at {auc.value:.2f}, chance is 0.50"
        return f"Held-out rows look like training rows: {apart}"
    if severity == "info" and not auc.above(NOTED):
        if labels:
            return f"Held-out rows look like training rows, but labels are spread differently ({labels[0]})"
        return (
            f"Held-out rows look like training rows, but their codes differ: told apart at {codes.value:.2f}, "
            "chance is 0.50"
        )
    seriousness = {"info": "a little ", "warning": "", "failure": "far "}[severity]
    return (
        f"Held-out rows are {seriousness}different from training rows: a classifier tells them apart at "
        f"{auc.value:.2f}, chance is 0.50"
    )


def _remedies(labels: bool) -> list[Remedy]:
    found = [
        Remedy(
            "Find out what differs (the features named are where to look): a unit, a device, a time, a source, or how "
            "the rows were divided. If they were divided in their order, divide them at random."
        ),
        Remedy("Collect training rows of the kind that the model will meet, and train on both."),
        Remedy(
            "If no such rows can be had, train on rows drawn with weights that make them resemble those it will meet, "
            "and trust errors only near the training data."
        ),
    ]
    if labels:
        found.insert(
            1, Remedy("Draw training rows so that classes have the shares that they will have in use.")
        )
    return found


def _pictures(patient: Patient, features: FeatureTests, moved: Any) -> list[Picture]:
    if not len(moved):
        return []
    place = int(moved[0])
    series = {}
    for name, rows in (("training rows", patient.train), ("held-out rows", patient.test)):
        series[name] = rows.x[:, place] if rows.known is None else rows.x[rows.known[:, place], place]
    return [
        Picture(
            "histogram",
            series,
            f"{patient.names[place]}, the feature that moved most. Equal distributions would lie upon each other.",
            axes=(patient.names[place], "rows"),
        ),
        Picture(
            "bars",
            {"difference of cumulative shares": features.distance[moved[:_NAMED]]},
            "The features that moved most; random splits stay below 0.1.",
            names=[patient.names[one] for one in moved[:_NAMED]],
        ),
    ]
