"""Canonical correlations and HSIC: known answers, scikit-learn, and nulls."""

import numpy as np
import pytest
from sklearn.cross_decomposition import CCA

from isthmus.errors import DataError
from isthmus.metrics.redundancy import canonical_correlations, hsic, mean_canonical_correlation

RNG = np.random.default_rng(0)
ROWS = 400


def pair(n=ROWS):
    """Sets of three and four columns that share two factors."""
    shared = RNG.normal(size=(n, 2))
    first = np.column_stack([shared, np.zeros(n)]) @ RNG.normal(size=(3, 3)) + 0.5 * RNG.normal(size=(n, 3))
    second = np.column_stack([shared, np.zeros((n, 2))]) @ RNG.normal(size=(4, 4)) + 0.5 * RNG.normal(
        size=(n, 4)
    )
    return first, second


def test_a_linear_map_of_a_set_says_all_of_it():
    first = RNG.normal(size=(ROWS, 5))
    second = first @ RNG.normal(size=(5, 5)) + 3
    assert canonical_correlations(first, second, ridge=0.0) == pytest.approx(np.ones(5))
    half = ROWS // 2
    held_out = first[half:], second[half:]
    assert mean_canonical_correlation(first[:half], second[:half], held_out=held_out) > 0.99


def test_directions_are_those_of_scikit_learn():
    first, second = pair()
    mine = canonical_correlations(first, second, ridge=0.0)
    theirs = [
        np.corrcoef(*columns)[0, 1]
        for columns in zip(*map(np.transpose, CCA(3).fit_transform(first, second)), strict=True)
    ]
    assert mine == pytest.approx(theirs, abs=1e-4)
    assert mine[0] > mine[1] > 0.5 > mine[2]


def test_one_column_each_is_pearsons_correlation():
    first, second = RNG.normal(size=(2, ROWS, 1))
    second = second + first
    assert canonical_correlations(first, second) == pytest.approx(
        [np.corrcoef(first[:, 0], second[:, 0])[0, 1]]
    )


def test_held_out_rows_of_independent_sets_are_uncorrelated():
    first, second = RNG.normal(size=(2, 2 * ROWS, 20))
    held_out = first[ROWS:], second[ROWS:]
    found = canonical_correlations(first[:ROWS], second[:ROWS], held_out=held_out)
    assert abs(found.mean()) < 4 / np.sqrt(20 * ROWS)
    # On the rows themselves twenty columns find each other whatever they are.
    assert canonical_correlations(first[:ROWS], second[:ROWS]).mean() > 0.15


def test_units_of_different_scales_count_alike():
    first, second = pair()
    scale = 10.0 ** np.arange(-1, 2)
    assert canonical_correlations(first * scale, second, ridge=0.0) == pytest.approx(
        canonical_correlations(first, second, ridge=0.0)
    )


def test_constant_columns_are_left_out():
    first, second = pair()
    dead = np.column_stack([first, np.full(ROWS, 2.0)])
    assert canonical_correlations(dead, second, ridge=0.0) == pytest.approx(
        canonical_correlations(first, second, ridge=0.0)
    )
    nothing = np.ones((ROWS, 3))
    assert mean_canonical_correlation(nothing, second, held_out=(nothing, second)) == 0
    assert hsic(nothing, second) == 0


def test_hsic_is_the_trace_of_its_definition():
    first, second = pair(40)
    centring = np.eye(40) - 1 / 40

    def kernel(rows):
        squares = ((rows[:, None] - rows[None]) ** 2).sum(2)
        return np.exp(-squares / (2 * np.median(squares[np.triu_indices(40, 1)])))

    one, other = kernel(first), kernel(second)

    def product(a, b):
        return np.trace(a @ centring @ b @ centring)

    assert hsic(first, second) == pytest.approx(
        product(one, other) / np.sqrt(product(one, one) * product(other, other))
    )
    assert hsic(first, first) == pytest.approx(1.0)


def test_hsic_sees_a_circle():
    generator = np.random.default_rng(3)
    angle = generator.uniform(0, 2 * np.pi, 300)
    first, second = np.cos(angle)[:, None], np.sin(angle)[:, None]
    assert abs(canonical_correlations(first, second)[0]) < 0.2
    nulls = [hsic(first, second[generator.permutation(300)]) for _ in range(20)]
    assert hsic(first, second) > 2 * max(nulls)


@pytest.mark.parametrize(
    ("first", "second"),
    [(np.ones((4, 2)), np.ones((5, 2))), (np.ones(4), np.ones((4, 2))), (np.ones((1, 2)), np.ones((1, 2)))],
)
def test_sets_of_different_rows_are_refused(first, second):
    for measure in (canonical_correlations, hsic):
        with pytest.raises(DataError, match="two sets of columns about the same rows"):
            measure(first, second)
