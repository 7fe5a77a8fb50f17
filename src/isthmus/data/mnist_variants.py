"""Harder versions of images of digits: turned ones, and ones before a background of noise.

Made from any images, so that whoever has MNIST has its variants: Larochelle et al. (2007), ICML, "An empirical
evaluation of deep architectures on problems with many factors of variation", section 3.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.errors import DataError, sentence

if TYPE_CHECKING:
    from numpy.typing import NDArray


def rotated(images: NDArray[Any], *, seed: int) -> NDArray[Any]:
    """Each image turned about its center by an angle of its own, uniform in (0, 2 pi) (``mnist-rot``).

    Parameters
    ----------
    images : (n, h, w), uint8 or floats in [0, 1]. seed : of the angles.

    Returns
    -------
    (n, h, w) of the same kind (floats as float32), interpolated bilinearly; what comes from outside is 0.

    Raises: DataError for arrays of another shape or range.
    """
    from scipy.ndimage import rotate

    checked = _checked(images)
    angles = np.random.default_rng(seed).uniform(0.0, 360.0, size=len(checked))
    turned = np.empty(checked.shape, dtype=np.float32)
    for place, (image, angle) in enumerate(zip(checked, angles, strict=True)):
        turned[place] = rotate(image.astype(np.float32), angle, reshape=False, order=1)
    return turned if checked.dtype != np.uint8 else np.rint(turned).astype(np.uint8)


def random_background(images: NDArray[Any], *, seed: int) -> NDArray[Any]:
    """Each pixel the larger of itself and noise that is uniform from black to white (``mnist-back-rand``).

    Parameters
    ----------
    images : (n, h, w), uint8 or floats in [0, 1], the figures bright on black. seed : of the noise.

    Returns
    -------
    (n, h, w) of the same kind (floats as float32).

    Deviation: the paper says how the background is drawn and not how digit and background are joined; the larger of
    the two keeps strokes whole and their soft edges plausible.
    Raises: DataError for arrays of another shape or range.
    """
    checked = _checked(images)
    generator = np.random.default_rng(seed)
    if checked.dtype == np.uint8:
        noise: NDArray[Any] = generator.integers(0, 256, size=checked.shape, dtype=np.uint8)
    else:
        noise = generator.random(checked.shape, dtype=np.float32)
    joined: NDArray[Any] = np.maximum(checked, noise)
    return joined


def _checked(images: NDArray[Any]) -> NDArray[Any]:
    """The images as uint8 or float32. Raises DataError for anything else."""
    array: NDArray[Any] = np.asarray(images)
    if array.ndim != 3:
        raise DataError(sentence("images", "of shape (n, h, w)", array.shape, "reshape rows of pixels first"))
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind != "f" or (array.size and not (array.min() >= 0 and array.max() <= 1)):
        raise DataError(
            sentence("images", "uint8 or floats in [0, 1]", array.dtype.name, "divide them by their white")
        )
    return array.astype(np.float32)
