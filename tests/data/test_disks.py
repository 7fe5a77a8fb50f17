"""Disks have the area of their radius, and radii where they were asked for."""

import numpy as np
import pytest
from scipy.stats import kstest, norm

from isthmus.data.disks import disk_images, disks
from isthmus.errors import DataError, ParameterError


def test_an_image_has_the_area_of_its_disk():
    radii = np.array([3.0, 7.5, 15.2, 25.0])
    areas = disk_images(radii).sum((1, 2))
    assert areas == pytest.approx(np.pi * radii**2, rel=0.02)


def test_images_are_shares_of_shifted_disks():
    images, radii = disks(20, shifts=50)
    assert images.shape == (20, 63, 63)
    assert images.dtype == np.float32
    assert np.allclose(images * 50, np.round(images * 50), atol=1e-4)
    assert images.min() == 0 and images.max() == 1
    assert (images[radii > 3, 31, 31] == 1).all()  # bright in the middle


def test_without_blur_a_pixel_is_inside_or_not():
    (image,) = disk_images([2.0], size=7, sigma=0.0)
    offsets = np.arange(7) - 3
    assert np.array_equal(image, (offsets[:, None] ** 2 + offsets**2 <= 4).astype(np.float32))


def test_the_blur_is_normal():
    """Far from the center an edge is straight, so a pixel is the normal probability of its distance to the edge."""
    (image,) = disk_images([100.0], size=221, sigma=2.0, shifts=4000, seed=3)
    distance = 100.0 - np.arange(90, 111)
    row = image[110, 110 + 90 : 110 + 111]
    expected = norm.cdf(distance / 2.0)
    assert (np.abs(row - expected) < 4 * np.sqrt(expected * (1 - expected) / 4000) + 5e-3).all()


@pytest.mark.parametrize("exclude", [None, (11.0, 18.0), (0.0, 5.0), (20.0, 31.5)])
def test_radii_are_uniform_over_what_is_not_excluded(exclude):
    low, high = exclude or (0.0, 0.0)
    _, radii = disks(2000, exclude=exclude, size=63, shifts=1)
    assert ((radii < low) | (radii >= high)).all()
    together = np.where(radii < low, radii, radii - (high - low))
    assert kstest(together / (31.5 - (high - low)), "uniform").pvalue > 1e-3


def test_spaced_radii_rise_in_equal_steps():
    _, radii = disks(300, spaced=True, shifts=1)
    assert radii[0] == pytest.approx(31.5 / 600)
    assert np.diff(radii) == pytest.approx(np.full(299, 31.5 / 300))


def test_a_seed_decides_all():
    first, second, other = (disks(4, seed=seed, shifts=5) for seed in (1, 1, 2))
    assert all(np.array_equal(one, two) for one, two in zip(first, second, strict=True))
    assert not np.array_equal(first[0], other[0])


def test_no_disks_at_all():
    images, radii = disks(0)
    assert images.shape == (0, 63, 63)
    assert radii.shape == (0,)


@pytest.mark.parametrize("exclude", [(18.0, 11.0), (-1.0, 5.0), (0.0, 31.5), (10.0, 40.0)])
def test_bad_gaps_are_refused(exclude):
    with pytest.raises(ParameterError, match="exclude of disks must be a part"):
        disks(5, exclude=exclude)


def test_bad_radii_and_settings_are_refused():
    with pytest.raises(DataError, match="radii of disk_images"):
        disk_images([1.0, -2.0])
    with pytest.raises(DataError, match="radii of disk_images"):
        disk_images([[1.0]])
    with pytest.raises(ParameterError, match="shifts of disk_images must be at least 1, got 0"):
        disk_images([1.0], shifts=0)
    with pytest.raises(ParameterError, match="n of disks must be at least 0"):
        disks(-1)
