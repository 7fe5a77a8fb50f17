"""Did the code drop what matters because it is small in magnitude?"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from isthmus.doctor.check import Check
from isthmus.doctor.finding import SEVERITIES, Remedy
from isthmus.doctor.statistics.lost_columns import ColumnLoss
from isthmus.doctor.statistics.lost_labels import LabelLoss
from isthmus.doctor.statistics.structure_free import spread
from isthmus.penalties.classifier import Classifier

if TYPE_CHECKING:
    from isthmus.doctor.finding import Finding
    from isthmus.doctor.patient import Patient


#: Spreads of columns that differ by more than so many times make a squared error count some ten times less.
UNEVEN = 3.0


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
    order: ClassVar[int] = 48

    def run(self, patient: Patient) -> Finding:
        generator = patient.generator(self.code)
        columns = ColumnLoss.of(patient, generator)
        labels = LabelLoss.of(patient, generator)
        by_columns, by_labels = columns.severity, labels.severity if labels else "ok"
        if labels is not None and labels.kept and by_columns == "failure":
            by_columns = "warning"  # what the labels ask for is there
        severity = max(by_columns, by_labels, key=SEVERITIES.index)
        evidence = columns.evidence() | (labels.evidence(patient) if labels else {})
        title = labels.title if labels and by_labels == severity else columns.title
        return self.finding(
            severity,
            title,
            evidence,
            "A loss of squared errors counts what is large. What is measured in a small unit, or varies little, is "
            "left out first, and it may be what the codes are needed for.",
            *(_remedies(patient, columns, labels) if severity in ("warning", "failure") else ()),
            pictures=[
                *([] if labels is None else [labels.picture]),
                *([columns.picture] if len(columns.small) else []),
            ],
        )


def _remedies(patient: Patient, columns: ColumnLoss, labels: LabelLoss | None) -> list[Remedy]:
    found = []
    scaled = "Bring every column to one spread before training, so that each counts alike."
    if len(columns.small) or _uneven(patient):
        model = patient.model
        if model is None:
            found.append(Remedy(scaled))
        elif model.scaling != "standard":
            found.append(Remedy(scaled, {"scaling": "standard"}))
    if labels is not None and labels.severity in ("warning", "failure"):
        told = _told(patient, labels)
        if told.patch and found and found[0].patch:
            # A column that is small is hardly seen by a classifier; one of many that count alike may be left out.
            both = Remedy(f"{found[0].text} {told.text}", {**found[0].patch, **told.patch})
            found += [told, both]
        else:
            found.append(told)
    if patient.model is not None and patient.code_size < patient.features:
        size = min(2 * patient.code_size, patient.features)
        found.append(Remedy(f"Take a larger code ({size} numbers).", {"code__size": size}))
    elif patient.model is None:
        found.append(Remedy("Take a larger code."))
    return found


def _uneven(patient: Patient) -> bool:
    """Whether columns of a table are of so different spreads that some hardly count in a squared error."""
    spreads = spread(patient.train, patient.baselines.mean)
    varying = spreads[spreads > 0]
    return not patient.has("images") and len(varying) > 1 and bool(varying.max() > UNEVEN * varying.min())


def _told(patient: Patient, labels: LabelLoss) -> Remedy:
    """Training that is told what matters."""
    if not labels.rows.targets[1].classes:
        return Remedy(
            "Give the labels to the model as one more column, or weigh the columns that they depend on more."
        )
    text = "Ask the code for the labels while it is trained, by a classifier on it (fit needs y then)."
    if patient.model is None:
        return Remedy(text)
    others = [one for one in patient.model.penalties if not isinstance(one, Classifier)]
    # As many nats of a wrong guess as a row's reconstruction costs now, so that neither is drowned.
    weight = float(f"{max(0.5 * float(patient.squares.sum(axis=1).mean()), 1e-3):.2g}")
    return Remedy(text, {"penalties": (*others, Classifier(weight=weight))})
