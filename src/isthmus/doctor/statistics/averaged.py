"""Which parts of the data are averaged though something could be said of them: columns, and groups of rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from isthmus.doctor.statistics import structure_free
from isthmus.doctor.statistics.columns import Columns, errors_from_others
from isthmus.doctor.statistics.directions import Directions
from isthmus.doctor.statistics.intervals import quotient

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from isthmus.doctor.patient import Patient

    Array = NDArray[np.float64]

#: Share of what is possible, below which a part of the data is averaged.
KEPT = 0.3
#: Share of a column's variance, and of that within a group, that must be possible for its average to be a loss.
POSSIBLE, POSSIBLE_WITHIN = 0.3, 0.2
#: A column in which one value has a larger share of the rows is as good as constant.
SELDOM = 0.95
#: Spread in the largest one below which a column is small for its unit, unless one value has such a share of its rows.
SMALL, MOSTLY_ONE = 0.1, 0.9
#: False discoveries among the parts named.
FALSE = 0.05
#: Columns beyond which none is predicted from the others: an inverse of that size takes seconds.
WIDE = 1_500
#: Share of the variance left to PCA of the code's size below which it copies; what explains so much is compared then.
EXACT, MOST = 1e-3, 0.95
#: What the better groups must be explained to, for others to be behind them.
TYPICAL = 0.3
#: Neighbors whose mean predicts a column, rows that are predicted, rows they are looked for among, columns tried.
NEAREST, ASKED, AMONG, TRIED = 10, 500, 2_000, 20
#: Rows of a group below which nothing is said of it; training rows below which it gets no PCA of its own.
LEAST, OWN = 20, 50
#: Groups at most; clusters where there are no labels.
GROUPS, CLUSTERS = 50, 10


def surely(values: Array) -> Array:
    """(n, parts) -> p-values of a mean above 0, by a t test; 1 where nothing varies or is above."""
    n = len(values)
    mean, spread = values.mean(axis=0), values.std(axis=0, ddof=1)
    t = quotient(mean, spread / np.sqrt(n))
    t = np.where(np.isfinite(t), t, np.where(mean > 0, np.inf, -np.inf))
    return np.asarray(stats.t.sf(t, n - 1))


def lost(errors: Array, mean: Array, rival: Array, *, possible: float) -> Array:
    """(n, parts) squared errors of a model, of the mean and of a rival -> p-values of a part that the model averages.

    Low where the rival surely explains ``possible`` of a part's variance and the model surely below KEPT of that.
    """
    worth = surely(mean - rival - possible * mean)
    averaged = surely(KEPT * (mean - rival) - (mean - errors))
    return np.maximum(worth, averaged)


def discovered(p: Array) -> NDArray[np.bool_]:
    """Which hypotheses are rejected, with a share FALSE of false ones at most (Benjamini and Hochberg 1995)."""
    return np.asarray(stats.false_discovery_control(p) < FALSE) if len(p) else np.zeros(0, dtype=bool)


def fair_pca(patient: Patient) -> Array:
    """(n, features) squared errors of PCA of the code's size, or of as many directions as matter where that copies."""
    squares = patient.pca_squares
    if squares.sum() > EXACT * patient.mean_squares.sum():
        return squares
    mean = patient.baselines.mean
    train = structure_free.complete(structure_free.first(patient.train, AMONG), mean)
    fewer = patient.baselines.truncated(Directions.of(train - mean).count(MOST))
    return patient.test.squares(fewer.pca_reconstruction(patient.test.x, patient.test.known))


@dataclass(frozen=True, eq=False)
class AveragedColumns:
    """Columns and what becomes of them. A categorical column is one.

    names : (columns,). model, pca, others : (columns,) shares of variance explained by the reconstruction, by PCA of
    the same size and by the other columns. swap : share of the error with swapped codes that each row's own code saves.
    variance : share of all variance. by_pca, by_others : which are averaged though PCA, or only the other columns,
    explain them. small : which vary little for their unit. speaking : which vary, and not in a few rows only.
    errors, mean : (n, columns) squared errors of the model and of the mean.
    """

    names: list[str]
    model: Array
    pca: Array
    others: Array
    swap: Array
    variance: Array
    by_pca: NDArray[np.bool_]
    by_others: NDArray[np.bool_]
    small: NDArray[np.bool_]
    speaking: NDArray[np.bool_]
    errors: Array
    mean: Array

    @classmethod
    def of(cls, patient: Patient, generator: np.random.Generator) -> AveragedColumns:
        """Every column of a patient's rows."""
        units = structure_free.places(patient)
        starts = np.array([unit.start for unit in units])

        def joined(squares: Any) -> Array:
            return np.asarray(np.add.reduceat(squares, starts, axis=1))

        swapped = patient.decode(patient.codes[generator.permutation(len(patient.test))])
        errors, mean, pca = map(joined, (patient.squares, patient.mean_squares, fair_pca(patient)))
        single = np.array([unit.stop - unit.start == 1 for unit in units])
        columns = Columns.of(patient.train)
        others = joined(_others(patient, columns))
        others[:, ~single] = mean[:, ~single]  # a level follows from the other levels, which says nothing
        p_pca = lost(errors, mean, pca, possible=POSSIBLE)
        p_others = lost(errors, mean, others, possible=POSSIBLE)
        shares = [_shares(one, mean) for one in (errors, pca, others)]
        by_neighbors = _by_neighbors(patient, columns, starts, shares, single, errors, mean)
        for place, (value, share) in by_neighbors.items():
            p_others[place] = min(1.0, 2.0 * min(p_others[place], value))
            shares[2][place] = max(shares[2][place], share)
        common = np.minimum.reduceat(columns.common, starts)
        for p in (p_pca, p_others):
            p[common > SELDOM] = 1.0
        by_pca = discovered(p_pca)
        spread = np.sqrt(np.add.reduceat(columns.spread**2, starts))
        return cls(
            [_name(patient, unit) for unit in units],
            model=shares[0],
            pca=shares[1],
            others=shares[2],
            swap=_shares(errors, joined(patient.test.squares(swapped))),
            variance=mean.sum(axis=0) / max(float(mean.sum()), 1e-300),
            by_pca=by_pca,
            by_others=discovered(p_others) & ~by_pca,
            small=(spread < SMALL * spread.max(initial=0.0)) & (common < MOSTLY_ONE),
            speaking=(spread > 0) & (common < MOSTLY_ONE),
            errors=errors,
            mean=mean,
        )


def _shares(errors: Array, reference: Array) -> Array:
    return np.asarray(1.0 - quotient(errors.sum(axis=0), reference.sum(axis=0)))


def _name(patient: Patient, unit: slice) -> str:
    name = str(patient.names[unit.start])
    return name.partition("=")[0] if unit.stop - unit.start > 1 else name


def _others(patient: Patient, columns: Columns) -> Array:
    """(n, features) squared errors of each column as predicted from the others; of the mean where too many."""
    if patient.features > WIDE:
        return patient.mean_squares
    learn, judge = columns.standard(patient.train), columns.standard(patient.test)
    if patient.held_out:
        errors = errors_from_others(learn, judge)
    else:
        half = len(judge) // 2
        pieces = [(judge[half:], judge[:half]), (judge[:half], judge[half:])]
        errors = np.concatenate([errors_from_others(*pair) for pair in pieces])
    scaled = errors * columns.spread**2
    return scaled if patient.test.known is None else scaled * patient.test.known


def _by_neighbors(
    patient: Patient,
    columns: Columns,
    starts: NDArray[np.intp],
    shares: list[Array],
    single: NDArray[np.bool_],
    errors: Array,
    mean: Array,
) -> dict[int, tuple[float, float]]:
    """Columns that nothing linear explains, by the mean of the rows nearest in the others: p-value and share explained.

    Only the largest few columns are tried, since each takes a pass over all distances.
    """
    best = np.fmax(shares[1], shares[2])
    tried = np.flatnonzero(single & (shares[0] < KEPT) & (best < POSSIBLE))
    tried = tried[np.argsort(-mean[:, tried].sum(axis=0), kind="stable")][:TRIED]
    if not len(tried) or patient.features > WIDE:
        return {}
    asked = min(ASKED, len(patient.test) // 2)
    rows, among = columns.standard(patient.test)[:asked], columns.standard(patient.train)[:AMONG]
    if not patient.held_out:
        among = among[asked:]
    apart = (rows**2).sum(axis=1)[:, None] + (among**2).sum(axis=1) - 2.0 * rows @ among.T
    found = {}
    for column in tried:
        place = starts[column]
        rest = apart - (rows[:, [place]] - among[:, place]) ** 2
        near = np.argpartition(rest, min(NEAREST, len(among) - 1), axis=1)[:, :NEAREST]
        guess = among[near, place].mean(axis=1)
        rival = ((rows[:, place] - guess) * columns.spread[place]) ** 2
        if patient.test.known is not None:
            rival *= patient.test.known[:asked, place]
        parts = (errors[:asked, column], mean[:asked, column], rival)
        p = float(lost(*(part[:, None] for part in parts), possible=POSSIBLE)[0])
        found[int(column)] = p, float(1.0 - quotient(rival.sum(), parts[1].sum()))
    return found


@dataclass(frozen=True, eq=False)
class AveragedGroups:
    """Groups of rows and what becomes of the variance within them.

    labelled : whether they are classes, else clusters. names, rows : (groups,) and how many rows are judged.
    model, pca, own : (groups,) shares of the variance within a group explained by the reconstruction, by PCA of the
    same size and by PCA of the group's own rows; the group's mean explains 0. typical : of the model's, that of its
    better groups. by_pca, by_own : which are averaged though PCA, or only the group's own PCA, explain them.
    errors, mean : each group's (rows,) squared errors of the model and of the group's mean.
    """

    labelled: bool
    names: list[str]
    rows: NDArray[np.intp]
    model: Array
    pca: Array
    own: Array
    typical: float
    by_pca: NDArray[np.bool_]
    by_own: NDArray[np.bool_]
    errors: list[Array]
    mean: list[Array]

    @classmethod
    def of(cls, patient: Patient, generator: np.random.Generator) -> AveragedGroups:
        """Classes where there are labels, else clusters of the training rows."""
        labelled, names, train, test = _groups(patient, generator)
        kept, found, fair = [], [], fair_pca(patient)
        for group, name in enumerate(names):
            if (test == group).sum() >= LEAST:
                kept.append(name)
                found.append(_within(patient, fair, train == group, test == group))
        shares = np.array([[1.0 - quotient(one[k].sum(), one[1].sum()) for one in found] for k in (0, 2, 3)])
        model, pca, own = shares.reshape(3, -1)
        typical = float(np.quantile(model, 0.75)) if len(model) > 1 else 0.0
        p = np.ones((2, len(found)))
        for group, (errors, mean, *rivals) in enumerate(found if typical > TYPICAL else []):
            below = float(surely((KEPT * typical * mean - (mean - errors))[:, None])[0])
            for row, rival in enumerate(rivals):
                parts = (part[:, None] for part in (errors, mean, rival))
                p[row, group] = max(below, float(lost(*parts, possible=POSSIBLE_WITHIN)[0]))
        by_pca = discovered(p[0])
        return cls(
            labelled,
            kept,
            np.array([len(one[0]) for one in found], dtype=np.intp),
            model,
            pca,
            own,
            typical,
            by_pca,
            discovered(p[1]) & ~by_pca,
            [one[0] for one in found],
            [one[1] for one in found],
        )


def _groups(
    patient: Patient, generator: np.random.Generator
) -> tuple[bool, list[str], NDArray[Any], NDArray[Any]]:
    """Names of groups, and the group's number of every training and held-out row, -1 for none."""
    labels = [rows.labels for rows in (patient.train, patient.test)]
    if patient.classes is not None and labels[0] is not None and labels[1] is not None:
        largest = np.argsort(-np.bincount(labels[0][labels[0] >= 0].astype(int)), kind="stable")[:GROUPS]
        numbers = [_renumbered(np.asarray(one), largest) for one in labels]
        return True, [patient.classes[place] for place in largest], numbers[0], numbers[1]
    from sklearn.cluster import KMeans

    mean = patient.baselines.mean
    train = structure_free.complete(structure_free.first(patient.train, AMONG), mean)
    count = max(1, min(CLUSTERS, len(train) // 60, len(np.unique(train, axis=0))))
    means = KMeans(count, n_init=1, random_state=int(generator.integers(2**31))).fit(train)
    numbers = [means.predict(structure_free.complete(rows, mean)) for rows in (patient.train, patient.test)]
    return False, _described(patient, means.cluster_centers_), numbers[0], numbers[1]


def _described(patient: Patient, centers: Array) -> list[str]:
    """Names of clusters by what they are high or low in, beside the mean of all rows; images have no such names."""
    if patient.has("images"):
        return [f"cluster {place}" for place in range(len(centers))]
    spread = structure_free.spread(patient.train, patient.baselines.mean)
    away = np.nan_to_num(quotient(centers - patient.baselines.mean, spread))
    found = []
    for place, one in enumerate(away):
        most = np.argsort(-np.abs(one), kind="stable")[:2]
        traits = ", ".join(f"{'high' if one[at] > 0 else 'low'} {patient.names[at]}" for at in most)
        found.append(f"cluster {place} ({traits})")
    return found


def _renumbered(labels: NDArray[Any], largest: NDArray[np.intp]) -> NDArray[np.intp]:
    found = np.full(len(labels), -1, dtype=np.intp)
    for number, label in enumerate(largest):
        found[labels == label] = number
    return found


def _within(
    patient: Patient, fair: Array, train: NDArray[np.bool_], test: NDArray[np.bool_]
) -> tuple[Array, Array, Array, Array]:
    """(rows,) squared errors of a group by the model, the group's mean, PCA and PCA of the group's own rows."""
    center = patient.baselines.mean
    rows = structure_free.complete(patient.train, center)[train] if train.sum() >= LEAST else None
    judged = structure_free.complete(patient.test, center)[test]
    known = 1.0 if patient.test.known is None else patient.test.known[test]
    mean = (judged if rows is None else rows).mean(axis=0)

    def total(errors: Any) -> Array:
        return np.asarray((errors**2 * known).sum(axis=1))

    model, pca = (squares[test].sum(axis=1) for squares in (patient.squares, fair))
    by_mean = total(judged - mean)
    if rows is None or len(rows) < OWN:
        return model, by_mean, pca, pca
    directions = Directions.of(rows[:AMONG] - mean)
    axes = directions.axes[: max(1, min(patient.code_size, len(rows) // 10))]
    centered = judged - mean
    return model, by_mean, pca, total(centered - centered @ axes.T @ axes)
