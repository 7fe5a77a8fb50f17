"""Columns of small spread that the reconstruction leaves out though they have structure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.doctor.finding import Measure, Picture
from isthmus.doctor.statistics.columns import Columns, errors_from_others, errors_of_pca
from isthmus.doctor.statistics.intervals import Interval, quotient, share_explained

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from isthmus.doctor.finding import Severity
    from isthmus.doctor.patient import Patient

    Array = NDArray[np.float64]

#: Shares that are surely lost: most of it, and enough to be missed.
FAILURE, WARNING = 0.5, 0.25
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
#: Columns that are named.
NAMED = 8
_NOTHING = Interval(0.0, 0.0, 0.0)


@dataclass(frozen=True, eq=False)
class ColumnLoss:
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
    names: tuple[str, ...]

    @classmethod
    def of(cls, patient: Patient, generator: np.random.Generator) -> ColumnLoss:
        """Found among the training rows, judged on held-out ones."""
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
        return cls(
            small=small,
            varying=int(varying.sum()),
            kept=share_explained(chosen[0], chosen[1], generator) if len(small) else _NOTHING,
            room=share_explained(chosen[2], chosen[1], generator) if len(small) else _NOTHING,
            lost=_lost(chosen, generator),
            of_columns=shares,
            own=share_explained(patient.squares.sum(axis=1), reference, generator),
            unit=share_explained(errors[0].sum(axis=1), errors[1].sum(axis=1), generator),
            rows=len(judge),
            names=patient.names,
        )

    @property
    def severity(self) -> Severity:
        """By how much of them is lost, and how many they are."""
        if not len(self.small) or not self.room.above(ROOM) or not self.lost.above(WARNING):
            return "ok"
        many = len(self.small) >= MANY * self.varying
        return "failure" if self.lost.above(FAILURE) and many else "warning"

    @property
    def title(self) -> str:
        """The verdict in a sentence."""
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

    def evidence(self) -> dict[str, Any]:
        """Measures by name, and the worst columns in words."""
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
            f"{self.names[place]}: {_percent(self.of_columns[0, place])} explained by the reconstruction, "
            f"{_percent(self.of_columns[2, place])} by the other columns"
            for place in self.worst()
        ]
        return found

    def worst(self) -> NDArray[np.intp]:
        """The small columns of which most is lost."""
        gap = self.of_columns[2, self.small] - self.of_columns[0, self.small]
        return self.small[np.argsort(-gap, kind="stable")][:NAMED]

    @property
    def picture(self) -> Picture:
        """Those of which most is lost."""
        worst = self.worst()
        texts = ("reconstruction", "PCA of scaled columns", "the other columns")
        return Picture(
            "bars",
            {name: np.maximum(self.of_columns[row, worst], 0.0) for row, name in enumerate(texts)},
            "Columns of small spread: the share of each that is explained. Where the other columns know it and the "
            "reconstruction does not, it was left out for being small.",
            names=[self.names[place] for place in worst],
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


def _percent(share: float) -> str:
    return f"{100 * max(float(share), 0.0):.0f} %"
