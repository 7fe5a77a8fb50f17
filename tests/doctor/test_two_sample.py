import numpy as np
import pytest

from isthmus.doctor.statistics.two_sample import (
    area,
    classifier_auc,
    feature_tests,
    folds_of_contents,
    kernel_test,
)


def drawn(seed, n=300, features=5):
    return np.random.default_rng(seed).normal(size=(n, features)).astype(np.float32)


def generator():
    return np.random.default_rng(0)


def test_the_area_is_the_share_of_pairs_in_order_and_ties_count_half():
    value, variance = area([1.0, 2.0], [2.0, 3.0])
    assert value == pytest.approx(3.5 / 4)
    # DeLong: placements are 1 and 3/4 on either side, so each side adds a variance of 1/32 over two rows.
    assert variance == pytest.approx(2 * (1 / 32) / 2)


def test_one_distribution_is_told_apart_no_better_than_chance():
    found = [classifier_auc(drawn(2 * seed), drawn(2 * seed + 1), generator()) for seed in range(6)]
    assert np.mean([one.value for one in found]) == pytest.approx(0.5, abs=0.03)
    assert not any(one.above(0.55) for one in found)


def test_a_shift_of_one_feature_gives_the_area_of_two_normals():
    moved = drawn(1, 600)
    moved[:, 2] += 1.0
    # Phi(1 / sqrt 2) for two normals one standard deviation apart.
    assert classifier_auc(drawn(0, 600), moved, generator()).value == pytest.approx(0.76, abs=0.03)


def test_a_change_of_variance_alone_is_seen_by_the_trees():
    found = classifier_auc(drawn(0, 500, 2), 3.0 * drawn(1, 500, 2), generator())
    assert found.above(0.75)


def test_copies_stand_in_one_fold_so_that_repeated_rows_are_no_difference():
    rows = drawn(3, 60, 3)
    parts = folds_of_contents(np.concatenate([rows, rows]), 3, generator())
    assert (parts[:60] == parts[60:]).all()
    repeated = np.repeat(drawn(4, 100), 3, axis=0)
    assert not classifier_auc(repeated, drawn(5), generator()).above(0.55)


def test_rows_that_are_all_alike_or_nearly_are_told_apart_no_better_than_chance():
    same = np.zeros((40, 3))
    found = classifier_auc(same, same, np.random.default_rng(0))
    assert (found.value, found.low, found.high) == (0.5, 0.0, 1.0)
    for contents in (2, 3, 4):
        rows = np.repeat(np.arange(contents, dtype=np.float64), 40)[:, None] * np.ones(3)
        for seed in range(5):
            found = classifier_auc(rows, rows, np.random.default_rng(seed))
            assert found.value == pytest.approx(0.5)


def test_the_kernel_sees_nothing_in_one_distribution_and_all_of_two_points():
    same = kernel_test(drawn(0), drawn(1), generator())
    assert same.p > 0.05 and abs(same.squared) < 0.01
    points = kernel_test(np.zeros((40, 2)), np.ones((40, 2)), generator())
    assert points.share == pytest.approx(1.0)
    assert points.p == pytest.approx(1 / 201)


def test_the_kernel_of_equal_rows_only_is_defined():
    found = kernel_test(np.zeros((10, 2)), np.zeros((10, 2)), generator())
    assert found.share == 0.0 and found.p == 1.0


def test_moved_features_are_named_and_constant_ones_are_not():
    first, second = drawn(0), drawn(1)
    second[:, 3] += 1.0
    first[:, 4] = second[:, 4] = 7.0
    found = feature_tests(first, second)
    assert found.moved(least=0.1).tolist() == [3]
    assert found.p[4] == 1.0 and found.distance[4] == 0.0
    assert found.means[3, 1] - found.means[3, 0] == pytest.approx(1.0, abs=0.3)


def test_unknown_entries_are_left_out_of_the_tests_of_features():
    first, second = drawn(0), drawn(1)
    known = np.random.default_rng(2).random(first.shape) < 0.5
    first = first * known  # zeros where unknown would be a difference
    assert not len(feature_tests(first, second, known=(known, None)).moved(least=0.1))
    nothing = np.zeros_like(known)
    assert feature_tests(first, second, known=(nothing, None)).p.tolist() == [1.0] * 5
