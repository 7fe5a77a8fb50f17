"""Principal directions of a few thousand rows: how many matter, and the best linear denoiser they make."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.linalg

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Directions:
    """Principal directions of centered rows, the largest variance first.

    variances : (k,), mean squares along them. axes : (k, features), orthonormal.
    """

    variances: NDArray[np.float64]
    axes: NDArray[np.float64]

    @classmethod
    def of(cls, centered: Array) -> Directions:
        """centered : (n, features). The smaller of the two matrices of products is decomposed."""
        n, features = centered.shape
        wide = np.asarray(centered, dtype=np.float64)
        if features <= n:
            values, vectors = scipy.linalg.eigh(wide.T @ wide / n)
            order = values > max(values.max(initial=0.0), 0.0) * 1e-10
            return cls(values[order][::-1], vectors[:, order].T[::-1])
        values, vectors = scipy.linalg.eigh(wide @ wide.T / n)
        order = values > max(values.max(initial=0.0), 0.0) * 1e-10
        values, vectors = values[order][::-1], vectors[:, order].T[::-1]
        return cls(values, vectors @ wide / np.sqrt(n * values)[:, None])

    @property
    def rank(self) -> int:
        """Directions with more variance than rounding gives."""
        return len(self.variances)

    def count(self, share: float) -> int:
        """How many directions explain a share of the variance."""
        total = np.cumsum(self.variances)
        return int(np.searchsorted(total, share * total[-1]) + 1) if self.rank else 0


def denoised(noisy: Array, clean: Array, *, mean: Array, noise: NDArray[np.floating]) -> NDArray[np.float64]:
    """The best linear estimate of rows that independent noise was added to (Wiener).

    Parameters
    ----------
    noisy : (n, features), known entries only or filled. clean : (m, features) rows to learn from. mean : (features,).
    noise : (features,) standard deviations of the noise; where 0, the column is given back as it came.
    """
    varying = noise > 0
    scale = np.where(varying, noise, 1.0)
    directions = Directions.of(((clean - mean) / scale)[:, varying])
    weights = directions.variances / (directions.variances + 1.0)
    scaled = ((noisy - mean) / scale)[:, varying] @ directions.axes.T
    restored = np.array(noisy, dtype=np.float64)
    restored[:, varying] = mean[varying] + scale[varying] * ((scaled * weights) @ directions.axes)
    return restored
