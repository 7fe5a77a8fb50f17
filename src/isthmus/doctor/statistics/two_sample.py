"""Do two sets of rows come from one distribution: by a classifier, by a kernel, and feature by feature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import false_discovery_control, ks_2samp

from isthmus.doctor.statistics.intervals import Interval, quotient

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

#: Rows of each set that a classifier learns from: the standard error of an AUC of .5 is then about .01.
CLASSIFIER_ROWS = 1_500
#: Rows of each set that a kernel compares, pair by pair.
KERNEL_ROWS = 500
#: Half the width of a 95 % interval in standard errors.
_WIDTH = 1.959964
#: Trees of a forest: more take longer and find little more.
_TREES = 30


@dataclass(frozen=True)
class KernelTest:
    """What :func:`kernel_test` found.

    squared : unbiased estimate of MMD squared, about 0 for one distribution. share : of the mean squared distance
    between the sets (in the kernel's space) that is there because they differ: 0 for one distribution, 1 for two
    points. p : of a permutation test. rows : compared of each set.
    """

    squared: float
    share: float
    p: float
    rows: tuple[int, int]


@dataclass(frozen=True, eq=False)
class FeatureTests:
    """What :func:`feature_tests` found, feature by feature.

    distance : (features,) the largest difference of the cumulative shares, in [0, 1]. low : lower ends of their 95 %
    intervals. p : of the Kolmogorov-Smirnov test, adjusted so that at most that share of what is called different is
    not. means : (features, 2) of the first and of the second set.
    """

    distance: Array
    low: Array
    p: Array
    means: Array

    def moved(self, *, least: float, level: float = 0.05) -> NDArray[np.intp]:
        """Features that differ by at least ``least`` at that false-discovery rate, the largest difference first."""
        order = np.argsort(-self.distance, kind="stable")
        return order[(self.p[order] < level) & (self.distance[order] >= least)]


def classifier_auc(
    first: ArrayLike, second: ArrayLike, generator: np.random.Generator, *, folds: int = 3
) -> Interval:
    """How well a classifier tells rows of the second set from rows of the first: .5 is not at all, 1 always.

    Parameters
    ----------
    first, second : (n, features) and (m, features); more than 1,500 rows of a set are cut off.
    generator : folds and trees. folds : parts, each judged by classifiers that learned from the others.

    A linear classifier and a forest of random trees are fitted; which of them judges a fold is decided within the rows
    that they learn from, so that the choice does not favor a difference. Equal rows stand in one fold. The interval is
    DeLong's, averaged over the folds.
    References: Lopez-Paz and Oquab (2017), ICLR, "Revisiting classifier two-sample tests", section 3; DeLong, DeLong
    and Clarke-Pearson (1988), Biometrics 44.
    """
    sets = [np.asarray(rows, dtype=np.float32)[:CLASSIFIER_ROWS] for rows in (first, second)]
    rows = np.concatenate(sets)
    side = np.repeat([0, 1], [len(sets[0]), len(sets[1])])
    parts = folds_of_contents(rows, folds, generator)
    found = []
    for part in range(folds):
        learn, judge = parts != part, parts == part
        if np.unique(side[judge]).size < 2 or np.unique(side[learn]).size < 2:
            continue
        scores = _scores(rows[learn], side[learn], rows[judge], generator)
        found.append(area(scores[side[judge] == 0], scores[side[judge] == 1]))
    if not found:
        return Interval(0.5, 0.0, 1.0)
    value = float(np.mean([estimate for estimate, _ in found]))
    error = float(np.sqrt(np.sum([variance for _, variance in found]))) / len(found)
    return Interval(value, max(0.0, value - _WIDTH * error), min(1.0, value + _WIDTH * error))


def area(first: ArrayLike, second: ArrayLike) -> tuple[float, float]:
    """Share of pairs in which the second set's score is the larger one, and its variance by DeLong et al. (1988).

    first, second : (n,) and (m,) scores; a tie counts half.
    """
    one, other = (np.asarray(scores, dtype=np.float64) for scores in (first, second))
    if not len(one) or not len(other):
        return 0.5, 0.0  # no pair, nothing known
    of_one = 1.0 - _placed(one, other)
    of_other = _placed(other, one)
    variance = sum(
        float(placed.var(ddof=1)) / len(placed) for placed in (of_one, of_other) if len(placed) > 1
    )
    return float(of_other.mean()), variance


def kernel_test(
    first: ArrayLike, second: ArrayLike, generator: np.random.Generator, *, permutations: int = 200
) -> KernelTest:
    """Maximum mean discrepancy with a Gaussian kernel as wide as the median distance between rows.

    Parameters
    ----------
    first, second : (n, features) and (m, features); more than 500 rows of a set are cut off.
    generator : the permutations. permutations : how often rows change sides for the null.

    References: Gretton et al. (2012), JMLR 13, equation 3 and section 5; the share is the coefficient of inhomogeneity
    of Szekely and Rizzo (2013), J. Statistical Planning and Inference 143, with the kernel's distance.
    """
    one, other = (np.asarray(rows, dtype=np.float64)[:KERNEL_ROWS] for rows in (first, second))
    n, m = len(one), len(other)
    kernel = _gaussian_kernel(np.concatenate([one, other]))
    sides = np.repeat([1.0, 0.0], [n, m])
    drawn = np.stack([sides, *(generator.permutation(sides) for _ in range(permutations))])
    within_one = (drawn @ kernel * drawn).sum(axis=1) / max(n * (n - 1), 1)
    within_other = ((1 - drawn) @ kernel * (1 - drawn)).sum(axis=1) / max(m * (m - 1), 1)
    between = (drawn @ kernel * (1 - drawn)).sum(axis=1) / (n * m)
    squared = within_one + within_other - 2.0 * between
    p = float((1 + (squared[1:] >= squared[0]).sum()) / (permutations + 1))
    share = float(quotient(max(squared[0], 0.0), 2.0 - 2.0 * between[0]))
    return KernelTest(float(squared[0]), share if np.isfinite(share) else 0.0, p, (n, m))


def feature_tests(
    first: ArrayLike, second: ArrayLike, *, known: tuple[Any, Any] = (None, None)
) -> FeatureTests:
    """Kolmogorov-Smirnov tests of every feature, adjusted for their number.

    first, second : (n, features) and (m, features). known : masks of their known entries, None where all are. A
    feature of which a set knows fewer than two entries is called equal.
    References: Benjamini and Hochberg (1995), J. Royal Statistical Society B 57.
    """
    sets = [np.asarray(rows) for rows in (first, second)]
    features = sets[0].shape[1]
    distance, low, p = np.zeros(features), np.zeros(features), np.ones(features)
    means = np.full((features, 2), np.nan)
    for place in range(features):
        columns = [
            rows[:, place] if mask is None else rows[mask[:, place], place]
            for rows, mask in zip(sets, known, strict=True)
        ]
        counts = [len(column) for column in columns]
        if min(counts) < 2:
            continue
        means[place] = [column.mean(dtype=np.float64) for column in columns]
        if max(column.max() for column in columns) == min(column.min() for column in columns):
            continue
        test = ks_2samp(columns[0], columns[1], method="asymp")
        distance[place], p[place] = test.statistic, test.pvalue
        # 1.36: the 95 % point of Kolmogorov's distribution.
        low[place] = max(0.0, test.statistic - 1.36 * np.sqrt(sum(counts) / np.prod(counts, dtype=float)))
    return FeatureTests(distance, low, np.asarray(false_discovery_control(p)), means)


def folds_of_contents(rows: NDArray[Any], folds: int, generator: np.random.Generator) -> NDArray[np.intp]:
    """(n,) the fold of each row, equal rows in one, so that none is judged by what learned its copy."""
    keys = np.ascontiguousarray(rows).view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))).ravel()
    unique, inverse = np.unique(keys, return_inverse=True)
    parts = generator.permutation(len(unique)) % folds
    return np.asarray(parts[inverse.ravel()])


def _placed(scores: Array, among: Array) -> Array:
    """(n,) share of ``among`` that lies below each score, ties half."""
    ordered = np.sort(among)
    below = np.searchsorted(ordered, scores, side="left") + np.searchsorted(ordered, scores, side="right")
    return np.asarray(below / (2.0 * len(among)))


def _scores(
    learn: NDArray[Any], side: NDArray[Any], judge: NDArray[Any], generator: np.random.Generator
) -> Array:
    """(n,) scores of the judged rows by whichever classifier is better within the rows that it learns from.

    Where these are so much alike that a part of them has not both sides, there is nothing to choose by: the linear one.
    """
    inner = folds_of_contents(learn, 4, generator) > 0
    if min(np.unique(side[part]).size for part in (inner, ~inner)) < 2:
        return np.asarray(_linear(learn, side, generator)(judge))
    qualities = []
    for build in _CLASSIFIERS:
        scores = build(learn[inner], side[inner], generator)(learn[~inner])
        qualities.append(area(scores[side[~inner] == 0], scores[side[~inner] == 1])[0])
    return np.asarray(
        _CLASSIFIERS[int(np.nanargmax(np.nan_to_num(qualities)))](learn, side, generator)(judge)
    )


def _linear(rows: NDArray[Any], side: NDArray[Any], generator: np.random.Generator) -> Any:
    """Ridge regression of the side on standardised features, centered by sides of equal weight."""
    center, spread = rows.mean(axis=0, dtype=np.float64), rows.std(axis=0, dtype=np.float64)
    spread[spread < 1e-9 * max(float(spread.max(initial=0.0)), 1e-300)] = np.inf
    standard = (rows - center) / spread
    gram = standard.T @ standard / len(rows)
    # Shrunk by the share of features in rows: enough that a wide table is not fitted exactly.
    gram[np.diag_indices_from(gram)] += 0.01 + rows.shape[1] / len(rows)
    weights = np.linalg.solve(gram, standard.T @ (side - side.mean()) / len(rows))
    return lambda others: ((others - center) / spread) @ weights


def _forest(rows: NDArray[Any], side: NDArray[Any], generator: np.random.Generator) -> Any:
    from sklearn.ensemble import ExtraTreesClassifier

    seed = int(generator.integers(2**31))
    # More features a split than is usual, so that a difference in one of them is not missed.
    tried = min(rows.shape[1], max(16, int(rows.shape[1] ** 0.5)))
    forest = ExtraTreesClassifier(
        _TREES, max_features=tried, min_samples_leaf=4, class_weight="balanced", random_state=seed
    )
    forest.fit(rows, side)
    last = int(forest.classes_[-1])
    return lambda others: forest.predict_proba(others)[:, -1] if last else np.zeros(len(others))


_CLASSIFIERS = (_linear, _forest)


def _gaussian_kernel(rows: Array) -> Array:
    """(n, n) exp(-d^2 / (2 median^2)), 0 on the diagonal, which says nothing."""
    from scipy.spatial.distance import pdist, squareform

    squares = pdist(rows, "sqeuclidean")
    width = float(np.median(squares[squares > 0])) if (squares > 0).any() else 1.0
    return np.asarray(squareform(np.exp(-squares / (2.0 * width))))
