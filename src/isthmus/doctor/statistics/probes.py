"""How well labels are predicted from some numbers a row, and what one set of numbers says that another does not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.doctor.statistics.intervals import Interval, of_sums, quotient
from isthmus.doctor.statistics.two_sample import folds_of_contents

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from isthmus.doctor.rows import Rows

    Array = NDArray[np.float64]
    Fitter = Callable[[Array, "Target", np.random.Generator], Callable[[Array], Array]]

#: Rows that a probe learns from; more add little to what a linear map or a forest can say.
LEARN_ROWS = 2_000
#: Classes of fewer rows, learned from or judged, are left out: their recall would be a matter of luck.
LEAST_OF_A_CLASS = 10
_FOLDS = 3
#: Trees of a forest: more take longer and find little more.
_TREES = 40


@dataclass(frozen=True, eq=False)
class Target:
    """What probes predict: ``values`` (n,), classes 0, 1, ..., k - 1 or numbers; ``classes`` is k, 0 for numbers."""

    values: NDArray[Any]
    classes: int

    def cut(self, rows: NDArray[Any]) -> Target:
        """Some of the rows."""
        return Target(self.values[rows], self.classes)

    def columns(self) -> Array:
        """(n, classes) one where a row is of a class, or (n, 1) the numbers."""
        if self.classes:
            return np.asarray(np.eye(self.classes)[self.values.astype(np.intp)])
        return self.values.astype(np.float64)[:, None]


@dataclass(frozen=True, eq=False)
class Labelled:
    """Rows with labels, learned from and judged.

    learn, judge : indices of rows that have a label that counts; the same rows where they are cross-fitted.
    targets : their labels. crossed : whether probes are cross-fitted. left_out : classes of too few rows, by number.
    chance : the score of a guess that reads nothing: 1 / classes for balanced accuracy, 0 for R^2.
    """

    learn: NDArray[np.intp]
    judge: NDArray[np.intp]
    targets: tuple[Target, Target]
    crossed: bool
    left_out: tuple[int, ...] = ()

    @property
    def chance(self) -> float:
        """The score of a guess that reads nothing."""
        return 1.0 / self.targets[1].classes if self.targets[1].classes else 0.0

    @property
    def usable(self) -> bool:
        """Whether there is anything to predict."""
        if self.targets[1].classes:
            return self.targets[1].classes > 1
        return all(len(one.values) >= LEAST_OF_A_CLASS and one.values.std() > 0 for one in self.targets)


@dataclass(frozen=True, eq=False)
class Probe:
    """How well labels were predicted, row by row.

    reached, possible : (n, k) what each row adds to k parts of a score; the score is the mean over the parts of the sum
    reached over the sum possible. Classes: a row reaches 1 in the part of its class where it is recognised, which is
    balanced accuracy. Numbers: one part, squared deviations from the mean less squared errors, which is R^2.
    kind : of the probe that was chosen.
    """

    reached: Array
    possible: Array
    kind: str

    def score(self, generator: np.random.Generator) -> Interval:
        """Balanced accuracy or R^2 with its interval over rows."""
        return _interval([self], lambda scores: scores[0], generator)


def labelled(train: Rows, test: Rows, *, held_out: bool, classes: bool) -> Labelled:
    """Which rows can be learned from and judged; unlabelled rows and rare classes are left out.

    classes : whether labels are classes; else they are numbers.
    """
    pair = [np.asarray(rows.labels) for rows in (train, test)]
    chosen = [labels >= 0 if classes else np.isfinite(labels) for labels in pair]
    numbers: list[int] = []
    left_out: set[int] = set()
    if classes:
        counts = [
            np.bincount(labels[kept].astype(np.intp)) for labels, kept in zip(pair, chosen, strict=True)
        ]
        largest = max(len(count) for count in counts)
        counts = [np.pad(count, (0, largest - len(count))) for count in counts]
        frequent = np.minimum(*counts) >= LEAST_OF_A_CLASS
        numbers = np.flatnonzero(frequent).tolist()
        left_out = set(np.flatnonzero(~frequent & (np.maximum(*counts) > 0)).tolist())
        chosen = [kept & np.isin(labels, numbers) for labels, kept in zip(pair, chosen, strict=True)]
    rows = [np.flatnonzero(kept) for kept in chosen]
    rows[0] = rows[0][:LEARN_ROWS] if held_out else rows[1]
    sources = (pair[0], pair[1]) if held_out else (pair[1], pair[1])
    values = [labels[places] for labels, places in zip(sources, rows, strict=True)]
    targets = [
        Target(np.searchsorted(numbers, labels) if classes else labels.astype(np.float64), len(numbers))
        for labels in values
    ]
    return Labelled(rows[0], rows[1], (targets[0], targets[1]), not held_out, tuple(sorted(left_out)))


def probe(train: Any, test: Any, rows: Labelled, generator: np.random.Generator) -> Probe:
    """How well labels are predicted from (n, features) of all training and (m, features) of all judged rows.

    A linear probe and a forest of random trees; the better one, chosen within the rows that they learn from, judges.
    Random: folds and trees. References: Alain and Bengio (2017), arXiv:1610.01644 (linear probes).
    """
    judged = np.asarray(test, dtype=np.float64)[rows.judge]
    learn, judge = rows.targets
    if not rows.crossed:
        kind, predicted = _predictions(
            np.asarray(train, dtype=np.float64)[rows.learn], learn, judged, generator
        )
        return _probe(predicted, judge, learn, kind)
    predicted = np.zeros((len(judged), max(judge.classes, 1)))
    parts = folds_of_contents(judged, _FOLDS, generator)
    kinds: list[str] = []
    for part in np.unique(parts):
        inside = np.flatnonzero(parts != part)[:LEARN_ROWS]
        if len(inside) < LEAST_OF_A_CLASS:  # nearly all rows are alike: nothing can be told by them
            predicted[parts == part] = judge.columns().mean(axis=0)
            continue
        kind, predicted[parts == part] = _predictions(
            judged[inside], judge.cut(inside), judged[parts == part], generator
        )
        kinds.append(kind)
    return _probe(predicted, judge, learn, max(kinds, key=kinds.count, default="linear"))


def lost_share(whole: Probe, part: Probe, chance: float, generator: np.random.Generator) -> Interval:
    """What a part of the numbers no longer says, in what the whole says beyond chance: 0 nothing, 1 all."""

    def lost(scores: list[Array]) -> Array:
        return quotient(scores[0] - scores[1], scores[0] - chance)

    return _interval([whole, part], lost, generator)


def difference(first: Probe, second: Probe, generator: np.random.Generator) -> Interval:
    """The first score less the second one, of the same rows."""
    return _interval([first, second], lambda scores: scores[0] - scores[1], generator)


def _interval(
    probes: Sequence[Probe], statistic: Callable[[list[Array]], Array], generator: np.random.Generator
) -> Interval:
    """Of a function of the scores of probes of the same rows, which are drawn together."""
    parts = probes[0].reached.shape[1]
    columns = np.concatenate([probes[0].possible, *(one.reached for one in probes)], axis=1)

    def of(sums: Array) -> Array:
        possible = sums[..., :parts]
        reached = [sums[..., parts * place : parts * (place + 1)] for place in range(1, len(probes) + 1)]
        return statistic([np.nanmean(quotient(one, possible), axis=-1) for one in reached])

    return of_sums(columns, of, generator)


def _probe(predicted: Array, judge: Target, learn: Target, kind: str) -> Probe:
    wanted = judge.columns()
    if judge.classes:
        right = predicted.argmax(axis=1) == judge.values
        return Probe(wanted * right[:, None], wanted, kind)
    possible = (wanted - float(np.mean(learn.values))) ** 2
    return Probe(possible - (wanted - predicted) ** 2, possible, kind)


def _predictions(
    learn: Array, target: Target, judge: Array, generator: np.random.Generator
) -> tuple[str, Array]:
    """The chosen kind of probe, and its (n, classes) scores or (n, 1) numbers for the judged rows."""
    inner = _inner(target, generator)
    qualities = []
    for fit in _FITTERS.values():
        guess = fit(learn[inner], target.cut(inner), generator)(learn[~inner])
        found = _probe(guess, target.cut(~inner), target.cut(inner), "")
        qualities.append(
            np.nanmean(quotient(found.reached.sum(axis=0), found.possible.sum(axis=0)))
            if found.possible.sum() > 0
            else 0.0
        )
    kind = list(_FITTERS)[int(np.argmax(np.nan_to_num(qualities)))]
    return kind, _FITTERS[kind](learn, target, generator)(judge)


def _inner(target: Target, generator: np.random.Generator) -> NDArray[np.bool_]:
    """(n,) three quarters of the rows, of every class as well: without a rare one, guessing the rest looks perfect."""
    order = generator.permutation(len(target.values))
    if target.classes:
        order = order[np.argsort(target.values[order], kind="stable")]
    inner = np.empty(len(order), dtype=bool)
    inner[order] = np.arange(len(order)) % 4 > 0
    return inner


def _linear(rows: Array, target: Target, generator: np.random.Generator) -> Callable[[Array], Array]:
    """Ridge regression on standardised numbers, its strength chosen by leaving one row out; classes weigh alike."""
    from sklearn.linear_model import RidgeCV

    center, spread = rows.mean(axis=0), rows.std(axis=0)
    spread[spread <= 1e-9 * max(float(spread.max(initial=0.0)), 1e-300)] = np.inf
    wanted = target.columns()
    weights = None
    if target.classes:
        counts = wanted.sum(axis=0)
        weights = (1.0 / np.maximum(counts, 1.0))[target.values.astype(np.intp)]
        weights *= len(rows) / weights.sum()
    ridge = RidgeCV(np.logspace(-1, 4, 6)).fit((rows - center) / spread, wanted, weights)
    return lambda others: np.asarray(ridge.predict((others - center) / spread)).reshape(len(others), -1)


def _forest(rows: Array, target: Target, generator: np.random.Generator) -> Callable[[Array], Array]:
    from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

    seed = int(generator.integers(2**31))
    if not target.classes:
        # All features are tried at a split, as is usual for numbers, unless there are very many.
        tried = min(1.0, 64 / rows.shape[1])
        trees = ExtraTreesRegressor(_TREES, max_features=tried, min_samples_leaf=2, random_state=seed)
        trees.fit(rows, target.values)
        return lambda others: np.asarray(trees.predict(others))[:, None]
    forest = ExtraTreesClassifier(_TREES, class_weight="balanced", random_state=seed)
    forest.fit(rows, target.values)
    known = forest.classes_.astype(np.intp)

    def scores(others: Array) -> Array:
        found = np.zeros((len(others), target.classes))
        found[:, known] = forest.predict_proba(others)
        return found

    return scores


_FITTERS: dict[str, Fitter] = {"linear": _linear, "trees": _forest}
