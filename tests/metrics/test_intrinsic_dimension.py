import numpy as np
import pytest
from sklearn.datasets import make_swiss_roll

from isthmus.errors import DataError, ParameterError
from isthmus.metrics.intrinsic_dimension import maximum_likelihood, two_nearest_neighbors

ESTIMATORS = (two_nearest_neighbors, maximum_likelihood)


def cube(d, n=800, seed=0):
    return np.random.default_rng(seed).random((n, d))


def sphere(d, n=800, seed=0):
    x = np.random.default_rng(seed).normal(size=(n, d + 1))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("made", [cube, sphere])
@pytest.mark.parametrize("d", [1, 2, 5])
def test_cubes_and_spheres_have_their_dimension(estimator, made, d):
    assert estimator(made(d)).value == pytest.approx(d, rel=0.15)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_swiss_roll_has_two_dimensions_wherever_it_is_embedded(estimator):
    roll = make_swiss_roll(800, random_state=0)[0]
    turned = roll @ np.linalg.qr(np.random.default_rng(0).normal(size=(20, 20)))[0][:3]
    assert estimator(roll).value == pytest.approx(2, rel=0.15)
    assert estimator(turned * 1e3 + 7e3).value == pytest.approx(estimator(roll).value, rel=1e-6)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_high_dimensions_come_out_too_low_but_in_order(estimator):
    found = [estimator(cube(d)).value for d in (5, 10, 20)]
    assert found == sorted(found)
    assert 10 < found[-1] < 20


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("d", [2, 10])
def test_the_interval_covers_the_mean_of_the_estimator(estimator, d):
    found = [estimator(cube(d, n=300, seed=seed)) for seed in range(60)]
    mean = np.mean([one.value for one in found])
    covered = np.mean([one.low <= mean <= one.high for one in found])
    assert covered >= 0.88


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_copies_are_counted_and_change_nothing(estimator):
    x = cube(3, n=200)
    found = estimator(np.concatenate([x, x[:50], x[:50]]))
    assert (found.rows, found.copies) == (200, 100)
    assert found.value == estimator(x).value


def test_outliers_hardly_change_the_censored_estimate():
    x = cube(3)
    far = np.random.default_rng(1).normal(size=(20, 3)) * 1e3
    clean, dirty = (two_nearest_neighbors(rows).value for rows in (x, np.concatenate([x, far])))
    assert dirty == pytest.approx(clean, rel=0.1)


def test_two_neighbours_by_hand():
    # On the line 0, 1, 3: row 0 has 1 and 3, row 1 has 1 and 2, row 3 has 2 and 3.
    logarithms = np.log([3.0, 2.0, 1.5])
    found = two_nearest_neighbors([[0.0], [1.0], [3.0]], discarded=0.0)
    assert found.value == pytest.approx(2 / logarithms.sum())


def test_the_likelihood_by_hand():
    found = maximum_likelihood([[0.0], [1.0], [3.0]], neighbors=2)
    assert found.value == pytest.approx(1 / np.log([3.0, 2.0, 1.5]).mean())


def test_a_lattice_of_equal_distances_has_no_finite_dimension():
    assert two_nearest_neighbors(np.eye(10)).value == np.inf


def test_images_are_flattened():
    x = cube(4, n=100)
    assert two_nearest_neighbors(x.reshape(100, 2, 2)) == two_nearest_neighbors(x)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_what_cannot_be_estimated_is_refused(estimator):
    with pytest.raises(DataError, match="only 1 of its 5 rows differ"):
        estimator(np.ones((5, 2)))
    with pytest.raises(DataError, match="NaN"):
        estimator(np.full((30, 2), np.nan))


def test_parameters_out_of_range_are_refused():
    with pytest.raises(ParameterError, match="discarded"):
        two_nearest_neighbors(cube(1), discarded=1.0)
    with pytest.raises(ParameterError, match="neighbors"):
        maximum_likelihood(cube(1), neighbors=1)
