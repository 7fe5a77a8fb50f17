"""Turned images and noise behind them."""

import numpy as np
import pytest

from isthmus.data.mnist_variants import random_background, rotated
from isthmus.errors import DataError

RNG = np.random.default_rng(0)
BLOBS = np.zeros((200, 28, 28), np.float32)
BLOBS[:, 6:9, 12:15] = 1.0  # one spot above the center


@pytest.mark.parametrize("make", [rotated, random_background])
def test_kind_and_shape_are_kept_and_the_seed_decides(make):
    small = RNG.random((5, 9, 6))
    for images, kind in ((small, np.float32), ((small * 255).astype(np.uint8), np.uint8)):
        before = images.copy()
        found = make(images, seed=1)
        assert found.shape == images.shape
        assert found.dtype == kind
        assert 0 <= found.min() <= found.max() <= (255 if kind == np.uint8 else 1)
        np.testing.assert_array_equal(found, make(images, seed=1))
        assert not np.array_equal(found, make(images, seed=2))
        np.testing.assert_array_equal(images, before)


def test_angles_are_uniform_and_nothing_is_lost():
    found = rotated(BLOBS, seed=0)
    np.testing.assert_allclose(found.sum((1, 2)), 9.0, rtol=0.1)
    rows, columns = np.mgrid[:28, :28] - 13.5
    mass = found.sum((1, 2))
    angle = np.arctan2((found * rows).sum((1, 2)) / mass, (found * columns).sum((1, 2)) / mass)
    radius = np.hypot((found * rows).sum((1, 2)) / mass, (found * columns).sum((1, 2)) / mass)
    np.testing.assert_allclose(radius, np.hypot(7 - 13.5, 13 - 13.5), rtol=0.02)
    # The two first Fourier coefficients of uniform angles vanish: 4 sigma of 200 draws.
    for order in (1, 2):
        assert abs(np.exp(1j * order * angle).mean()) < 4 / np.sqrt(200)


def test_the_background_is_uniform_and_strokes_stay():
    found = random_background(BLOBS, seed=0)
    np.testing.assert_array_equal(found[BLOBS == 1], 1.0)
    noise = found[BLOBS == 0]
    assert noise.mean() == pytest.approx(0.5, abs=4 * np.sqrt(1 / 12 / noise.size))
    assert noise.var() == pytest.approx(1 / 12, rel=0.02)
    levels = random_background(np.zeros((50, 28, 28), np.uint8), seed=0)
    assert set(np.unique(levels)) == set(range(256))


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((4, 9)), r"images must be of shape \(n, h, w\), got \(4, 9\)"),
        (np.full((2, 3, 3), 7.0), r"images must be uint8 or floats in \[0, 1\]"),
        (np.zeros((2, 3, 3), np.int64), r"images must be uint8 or floats in \[0, 1\]"),
    ],
)
def test_other_arrays_are_refused(images, message):
    for make in (rotated, random_background):
        with pytest.raises(DataError, match=message):
            make(images, seed=0)
