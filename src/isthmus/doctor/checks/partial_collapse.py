"""Are some features or groups averaged and others copied, hidden by the mean?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from isthmus.doctor.check import Check
from isthmus.doctor.finding import SEVERITIES, Measure, Picture, Remedy
from isthmus.doctor.remedies import lighter, relieved, usual
from isthmus.doctor.statistics.averaged import AveragedColumns, AveragedGroups
from isthmus.doctor.statistics.intervals import Interval, share_explained

if TYPE_CHECKING:
    from isthmus.doctor.finding import Finding, Severity
    from isthmus.doctor.patient import Patient

#: Share of what PCA explains of all, below which nearly everything is averaged, which is no partial collapse.
WHOLE = 0.3
#: Share of the variance, and of the columns that vary, that averaged ones have to be for a failure, and for a warning.
MUCH, SOME = 0.05, 0.01
MANY = 0.1
#: Share of the rows of averaged groups for a failure.
ROWS = 0.05
#: Where PCA averages a group as well: what the model explains within its better groups, and at most within this one.
ELSEWHERE, NOTHING = 0.5, 0.1
#: Columns and groups that are named.
NAMED = 8


class PartialCollapse(Check):
    """What becomes of every column and of every group of rows, which one number for all of them hides.

    Columns: the variance that reconstructions explain of each, beside PCA of the same size and beside what the other
    columns say of it (regression on them, or the rows nearest in them, on rows that were not learned from). A column
    that neither explains is noise, and its average is the best answer. Groups: the variance within a class, or within
    a cluster where there are no labels, against the group's own mean: a model that knows only which group a row belongs
    to explains none of it. It is compared with PCA of the same size, with PCA of the group's own rows, and with the
    model's better groups. Parts are named where t tests over rows say so, with false discoveries held at 5 % (Benjamini
    and Hochberg 1995, J. Royal Statistical Society B 57).
    """

    code: ClassVar[str] = "partial-collapse"
    question: ClassVar[str] = "Are some features or groups averaged and others copied, hidden by the mean?"
    needs: ClassVar[frozenset[str]] = frozenset({"spread"})
    order: ClassVar[int] = 45

    def run(self, patient: Patient) -> Finding:
        generator = patient.generator(self.code)
        reference = patient.mean_squares.sum(axis=1)
        whole = share_explained(patient.squares.sum(axis=1), reference, generator)
        pca = share_explained(patient.pca_squares.sum(axis=1), reference, generator)
        evidence: dict[str, Any] = {
            "explained_variance": _measure(
                whole,
                "share of all variance explained",
                len(reference),
                pca.value,
                "PCA of the same code size",
            )
        }
        why = (
            "The mean error is made by what is large or frequent. Codes say nothing about what is averaged, and a "
            "change in it cannot be seen in the reconstruction."
        )
        if not whole.value > WHOLE * pca.value:
            return self.finding(
                "info",
                f"It explains {_percent(whole.value)} of all variance, so there is no part that it copies; see "
                "mean-collapse",
                evidence,
                why,
            )
        columns, groups = AveragedColumns.of(patient, generator), AveragedGroups.of(patient, generator)
        by_columns, by_groups = _of_columns(patient, columns), _of_groups(groups)
        severity = max(by_columns, by_groups, key=SEVERITIES.index)
        evidence |= _column_evidence(columns, generator) | _group_evidence(groups, generator)
        titles = [
            words
            for one, words in ((by_columns, _column_title(columns)), (by_groups, _group_title(groups)))
            if one == severity and words
        ]
        return self.finding(
            severity,
            _title(whole, severity, titles, columns),
            evidence,
            why,
            *(
                _remedies(patient, columns, by_columns, by_groups)
                if severity in ("warning", "failure")
                else ()
            ),
            pictures=[*_column_pictures(patient, columns), *_group_pictures(groups)],
        )


def _title(whole: Interval, severity: Severity, titles: list[str], columns: AveragedColumns) -> str:
    if severity == "ok" or not titles:
        return f"No part is averaged that could be told: {_percent(whole.value)} of all variance is explained"
    found = f"{_percent(whole.value)} of all variance is explained, but {' and '.join(titles)}"
    if severity == "info" and (columns.by_others.any() or columns.by_pca.any()):
        return f"{found}, which matters little or is more than a code of this size can hold"
    return found


def _of_columns(patient: Patient, columns: AveragedColumns) -> Severity:
    """The verdict on columns; entries of images are of one unit, so there only the variance counts."""
    averaged = columns.by_pca | columns.by_others
    if not averaged.any():
        return "ok"
    share = float(columns.variance[columns.by_pca].sum())
    if share >= MUCH:
        return "failure"
    if share >= SOME:
        return "warning"
    # What PCA does not keep either is a matter of units where it varies less than other columns.
    told = columns.speaking & (columns.by_pca | (columns.by_others & columns.small))
    if patient.has("images") or not told.any():
        return "info"
    return "failure" if told.sum() >= MANY * columns.speaking.sum() and told.sum() > 1 else "warning"


def _of_groups(groups: AveragedGroups) -> Severity:
    if groups.by_pca.any():
        return "failure" if groups.rows[groups.by_pca].sum() >= ROWS * groups.rows.sum() else "warning"
    alone = groups.by_own & (groups.model < NOTHING)
    if alone.any() and groups.typical > ELSEWHERE:
        return "warning"
    return "info" if groups.by_own.any() else "ok"


def _column_title(columns: AveragedColumns) -> str:
    worst = _worst(columns)
    if not len(worst):
        return ""
    named = _listed(
        [columns.names[place] for place in worst], int((columns.by_pca | columns.by_others).sum())
    )
    best = np.fmax(columns.pca, columns.others)[worst]
    return (
        f"next to nothing of {named} ({_percent(columns.model[worst].max())} at most, where PCA or the other columns "
        f"explain {_percent(best.min())} at least)"
    )


def _group_title(groups: AveragedGroups) -> str:
    averaged = np.flatnonzero(groups.by_pca | groups.by_own)
    if not len(averaged):
        return ""
    kind = "class" if groups.labelled else "the rows of"
    named = _listed([groups.names[place] for place in averaged[:NAMED]], len(averaged))
    return (
        f"within {kind} {named} next to nothing ({_percent(groups.model[averaged].max())} at most, "
        f"{_percent(groups.typical)} in its better groups)"
    )


def _worst(columns: AveragedColumns) -> Any:
    """Averaged columns, those first of which most is lost; a column's share of it, whatever its unit."""
    averaged = np.flatnonzero(columns.by_pca | columns.by_others)
    gap = np.fmax(columns.pca, columns.others)[averaged] - columns.model[averaged]
    order = np.lexsort((-gap, ~columns.by_pca[averaged]))
    return averaged[order][:NAMED]


def _column_evidence(columns: AveragedColumns, generator: np.random.Generator) -> dict[str, Any]:
    averaged = columns.by_pca | columns.by_others
    n = len(columns.errors)
    found: dict[str, Any] = {
        "averaged_columns": Measure(
            float(averaged.sum()),
            "columns that are averaged though PCA of the same size or the other columns explain them",
            n=len(averaged),
            against=0.0,
            null="a model that treats all columns alike",
        ),
        "their_variance": Measure(
            float(columns.variance[averaged].sum()),
            "their share of all variance",
            n=n,
            against=float(averaged.mean()),
            null="columns of one spread",
        ),
    }
    for place in _worst(columns):
        share = share_explained(columns.errors[:, place], columns.mean[:, place], generator)
        others = columns.others[place]
        best = "PCA of the same size" if columns.pca[place] >= others else "the other columns"
        found[f"column: {columns.names[place]}"] = _measure(
            share,
            "share of its variance explained; each row's own code saves "
            f"{_percent(columns.swap[place])} of its error with swapped codes",
            n,
            float(np.fmax(columns.pca[place], others)),
            best,
        )
    return found


def _group_evidence(groups: AveragedGroups, generator: np.random.Generator) -> dict[str, Any]:
    if len(groups.names) < 2:
        return {"groups": "fewer than two groups have rows enough"}
    averaged = groups.by_pca | groups.by_own
    found: dict[str, Any] = {
        "averaged_groups": Measure(
            float(averaged.sum()),
            f"{'classes' if groups.labelled else 'clusters'} within which next to nothing is explained",
            n=len(groups.names),
            against=0.0,
            null="a model that treats all groups alike",
        )
    }
    for place in np.argsort(groups.model, kind="stable")[: max(1, min(NAMED, int(averaged.sum())))]:
        share = share_explained(groups.errors[place], groups.mean[place], generator)
        prefix = "class" if groups.labelled else "group"
        found[f"{prefix}: {groups.names[place]}"] = _measure(
            share,
            "share of the variance within it explained, beyond its mean",
            int(groups.rows[place]),
            float(groups.pca[place]),
            "PCA of the same code size",
        )
    return found


def _measure(found: Interval, what: str, n: int, against: float, null: str) -> Measure:
    return Measure(found.value, what, found.low, found.high, n, against, null)


def _column_pictures(patient: Patient, columns: AveragedColumns) -> list[Picture]:
    if patient.has("images"):
        return []
    shown = _worst(columns)
    rest = np.setdiff1d(np.argsort(columns.model, kind="stable")[: 2 * NAMED], shown)[:NAMED]
    shown = np.concatenate([shown, rest]).astype(int)
    series = {"autoencoder": columns.model, "PCA": columns.pca, "the other columns": columns.others}
    return [
        Picture(
            "bars",
            {name: np.clip(np.nan_to_num(shares[shown]), 0.0, 1.0) for name, shares in series.items()},
            "Share of each column's variance explained, the averaged and then the worst ones. A short first bar "
            "beside a long one is a column that could be told and is not.",
            names=[columns.names[place] for place in shown],
        )
    ]


def _group_pictures(groups: AveragedGroups) -> list[Picture]:
    if len(groups.names) < 2:
        return []
    series = {"autoencoder": groups.model, "PCA": groups.pca, "PCA of the group": groups.own}
    return [
        Picture(
            "bars",
            {name: np.clip(shares, 0.0, 1.0) for name, shares in series.items()},
            "Share of the variance within each group explained. A group with no bar is known by its mean alone.",
            names=groups.names,
        )
    ]


def _remedies(
    patient: Patient, columns: AveragedColumns, by_columns: Severity, by_groups: Severity
) -> list[Remedy]:
    model = patient.model
    found = [] if model is None else [*relieved(model), *usual(patient)]
    bad = ("warning", "failure")
    averaged = columns.by_pca | columns.by_others
    if by_columns in bad and bool((averaged & columns.small).any()):
        text = "Bring every column to one spread before training, so that each counts alike."
        if model is None:
            found.append(Remedy(text))
        elif model.scaling != "standard":
            found.append(Remedy(text, {"scaling": "standard"}))
    if by_groups in bad:
        text = (
            "Train on data in which every group has its share of rows: draw rows of rare groups more often."
        )
        found.append(Remedy(text))
    if model is not None:
        found += lighter(model)
    longer = "Train longer: what is small or rare is learned last."
    size = min(2 * patient.code_size, patient.features)
    if size > patient.code_size:
        larger = f"Take a larger code, such as {size} numbers."
        found.append(Remedy(larger, {} if model is None else {"code__size": size}))
    epochs = {} if model is None else {"training__max_epochs": max(2 * model.part("training").max_epochs, 30)}
    return [*found, Remedy(longer, epochs)]


def _listed(names: list[str], count: int) -> str:
    shown = names[:4]
    more = f" and {count - len(shown)} more" if count > len(shown) else ""
    return ", ".join(shown) + more


def _percent(share: float) -> str:
    return f"{100 * max(float(share), 0.0):.0f} %"
