"""The density of codes keeps what can be checked of it: moments, clusters, and the way to a file and back."""

import time

import numpy as np
import pytest

from isthmus.density import LARGEST_SAMPLE, MOST_AXES, CodeDensity


def clusters(n, size, *, seed=0):
    """Correlated codes around seven centers."""
    generator = np.random.default_rng(seed)
    codes = generator.standard_normal((n, size)) @ generator.standard_normal((size, size)) / size**0.5
    return (codes + 4 * generator.standard_normal((7, size))[generator.integers(0, 7, n)]).astype(np.float32)


@pytest.mark.parametrize("size", [2, MOST_AXES, MOST_AXES + 1, 200])
def test_samples_have_the_moments_of_the_codes(size):
    codes = clusters(4_000, size)
    drawn = CodeDensity.fit(codes, seed=0).sample(4_000, np.random.default_rng(1))
    before, after = np.cov(codes.T), np.cov(drawn.T)
    assert drawn.shape == codes.shape and drawn.dtype == np.float32
    assert np.abs(drawn.mean(0) - codes.mean(0)).max() < 0.1 * codes.std(0).max()
    assert np.linalg.norm(after - before) < 0.12 * np.linalg.norm(before)


@pytest.mark.parametrize("size", [2, 100])
def test_samples_fall_into_clusters(size):
    """Two far clusters: no sample lies between them, as one Gaussian's would."""
    codes = np.random.default_rng(0).standard_normal((1_000, size)).astype(np.float32)
    codes[:, 0] += np.where(np.arange(1_000) % 2, 20, -20)
    drawn = CodeDensity.fit(codes, seed=0).sample(1_000, np.random.default_rng(1))
    assert (np.abs(drawn[:, 0]) > 10).mean() > 0.99


@pytest.mark.parametrize("size", [3, 50])
def test_arrays_hold_everything(size):
    density = CodeDensity.fit(clusters(500, size), seed=0)
    again = CodeDensity.from_arrays(density.to_arrays())
    one, two = (each.sample(9, np.random.default_rng(2)) for each in (density, again))
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_few_rows_of_wide_codes(rows):
    drawn = CodeDensity.fit(clusters(rows, 60), seed=0).sample(7, np.random.default_rng(0))
    assert drawn.shape == (7, 60) and np.isfinite(drawn).all()


def test_a_thousand_numbers_take_seconds():
    """Full covariances took more than a minute here, several times the training."""
    codes = clusters(LARGEST_SAMPLE, 1_000)
    started = time.process_time()
    CodeDensity.fit(codes, seed=0)
    assert time.process_time() - started < 20
