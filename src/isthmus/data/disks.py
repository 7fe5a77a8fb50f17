"""Images of centred disks: data whose only degree of freedom is a radius."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from isthmus.errors import DataError, ParameterError, sentence

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

#: Side of an image, in pixels, and standard deviation of its blur.
SIZE, SIGMA = 63, 0.5
#: Shifted disks that an image is the mean of.
SHIFTS = 100
#: Pixels of shifted disks that are held at once.
SHIFTED_PIXELS = 1_000_000


def disks(
    n: int,
    *,
    size: int = SIZE,
    exclude: tuple[float, float] | None = None,
    spaced: bool = False,
    sigma: float = SIGMA,
    shifts: int = SHIFTS,
    seed: int = 0,
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Images of ``n`` centred disks, and their radii in pixels.

    Parameters
    ----------
    n : how many. size : height and width of an image in pixels.
    exclude : (low, high), radii that do not occur; the others are uniform over what remains of (0, size / 2).
    spaced : equally spaced radii in rising order, for tests, instead of random ones.
    sigma, shifts : of the blur, see :func:`disk_images`. seed : of radii and blur.

    Returns
    -------
    images : (n, size, size) float32 in [0, 1], 1 inside the disk. radii : (n,) float64.

    Random: from ``seed`` only. Raises ParameterError for an empty range of radii.
    References: Newson, Almansa, Gousseau and Ladjal (2019), "Processing simple geometric attributes with
    autoencoders", J. Math. Imaging Vis., section 3: 63 x 63 pixels, radii uniform in (0, 31.5). Deviation: with
    ``exclude`` n disks are drawn outside the gap, instead of n disks of which those inside it are thrown away.
    """
    if n < 0:
        raise ParameterError(sentence("n of disks", "at least 0", n))
    low, high = exclude or (0.0, 0.0)
    largest = size / 2
    if not 0 <= low <= high <= largest or high - low >= largest:
        rule = f"a part (low, high) of (0, {largest:g}), smaller than the whole"
        raise ParameterError(sentence("exclude of disks", rule, exclude))
    generator = np.random.default_rng(seed)
    remaining = largest - (high - low)
    # Strictly inside (0, remaining), so that no disk is empty or as large as the image.
    shares = (np.arange(n) + 0.5) / max(1, n) if spaced else generator.random(n)
    radii = shares * remaining
    radii = np.where(radii < low, radii, radii + (high - low))
    seed_of_blur = int(generator.integers(2**63))
    return disk_images(radii, size=size, sigma=sigma, shifts=shifts, seed=seed_of_blur), radii


def disk_images(
    radii: ArrayLike, *, size: int = SIZE, sigma: float = SIGMA, shifts: int = SHIFTS, seed: int = 0
) -> NDArray[np.float32]:
    """Images of centred disks of given radii.

    Parameters
    ----------
    radii : (n,) in pixels. size : height and width of an image.
    sigma : in [0, inf), standard deviation in pixels of the blur that takes the steps off a disk's edge.
    shifts : in [1, inf), how many sharp disks, each shifted by its own normal numbers, an image is the mean of. So a
        pixel is a share of them, and differs from the exact blur by a standard error of at most 1 / (2 sqrt(shifts)).
    seed : of the shifts.

    Returns (n, size, size) float32 in [0, 1]. Random: from ``seed``; every image has its own shifts.
    Raises DataError for radii that are negative or no numbers, ParameterError for the rest.
    References: as :func:`disks`. The number of shifts is ours.
    """
    values = np.asarray(radii, dtype=np.float64)
    if values.ndim != 1 or not (np.isfinite(values).all() and (values >= 0).all()):
        raise DataError(
            "radii of disk_images must be a row of finite numbers of at least 0: give (n,) radii."
        )
    for what, value, least in (("size", size, 1), ("shifts", shifts, 1), ("sigma", sigma, 0)):
        if value < least:
            raise ParameterError(sentence(f"{what} of disk_images", f"at least {least}", value))
    generator = np.random.default_rng(seed)
    offsets = np.arange(size) - (size - 1) / 2
    images = np.empty((len(values), size, size), dtype=np.float32)
    together = max(1, SHIFTED_PIXELS // size**2)
    for image, radius in zip(images, values, strict=True):
        down, across = sigma * generator.standard_normal((2, shifts, 1))
        counts = np.zeros((size, size), dtype=np.int64)
        for start in range(0, shifts, together):
            some = slice(start, start + together)
            vertical, horizontal = (offsets - down[some]) ** 2, (offsets - across[some]) ** 2
            counts += (vertical[:, :, None] + horizontal[:, None, :] <= radius**2).sum(axis=0)
        image[...] = counts / shifts
    return images
