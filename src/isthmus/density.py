"""A density fitted to the codes after training, so that any autoencoder can be sampled from."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Codes that a density is fitted to; more do not change a mixture of ten.
LARGEST_SAMPLE = 5_000


@dataclass(frozen=True)
class CodeDensity:
    """A mixture of Gaussians with full covariances over codes.

    weights (k,), means (k, code), factors (k, code, code): lower Cholesky factors of the covariances.
    References: Ghosh et al. (2020), ICLR, section 4 (ex-post density estimation), ten components.
    """

    weights: NDArray[np.float64]
    means: NDArray[np.float64]
    factors: NDArray[np.float64]

    @classmethod
    def fit(cls, codes: NDArray[np.float32], *, seed: int, components: int = 10) -> CodeDensity:
        """codes (n, code) -> the mixture; fewer components where rows are few. Random: from ``seed``."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.mixture import GaussianMixture

        codes = codes.astype(np.float64)
        if len(codes) == 1:
            codes = np.repeat(codes, 2, axis=0)
        most = max(1, min(components, len(np.unique(codes, axis=0)) // (2 * codes.shape[1] + 2)))
        # Relative to the codes' own spread, so that a narrow code is not blurred.
        floor = 1e-6 * max(float(codes.var(axis=0).mean()), 1e-12)
        with warnings.catch_warnings():
            # A mixture short of its optimum is still a density; more steps change samples little.
            warnings.simplefilter("ignore", ConvergenceWarning)
            mixture = GaussianMixture(most, reg_covar=floor, max_iter=50, random_state=seed).fit(codes)
        return cls(mixture.weights_, mixture.means_, np.linalg.cholesky(mixture.covariances_))

    def sample(self, n: int, generator: np.random.Generator) -> NDArray[np.float32]:
        """(n, code) float32 codes."""
        which = generator.choice(len(self.weights), size=n, p=self.weights / self.weights.sum())
        noise = generator.standard_normal((n, self.means.shape[1]))
        drawn = self.means[which] + np.einsum("nij,nj->ni", self.factors[which], noise)
        return np.asarray(drawn, dtype=np.float32)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Everything as named arrays."""
        return {"weights": self.weights, "means": self.means, "factors": self.factors}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> CodeDensity:
        """What :meth:`to_arrays` gave, as arrays or tensors."""
        return cls(*(np.asarray(arrays[name], dtype=np.float64) for name in ("weights", "means", "factors")))
