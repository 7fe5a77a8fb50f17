"""A density fitted to the codes after training, so that any autoencoder can be sampled from."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Codes that a density is fitted to; more do not change a mixture of ten.
LARGEST_SAMPLE = 5_000
#: Axes that the components of a mixture differ in; wider codes vary along the others as one Gaussian. Their number
#: decides the time of a fit, which would otherwise be longer than the training of a code of a thousand numbers.
MOST_AXES = 32


@dataclass(frozen=True)
class CodeDensity:
    """A mixture of Gaussians with full covariances over codes, or over the leading principal axes of wide ones.

    weights (k,), means (k, axes), factors (k, axes, axes): lower Cholesky factors of the covariances. axes: numbers per
    code; ``MOST_AXES`` at most. A wider code has two parts more: center (code,), and basis (code, code), whose columns
    are the principal axes from the longest to the shortest, the first ``axes`` of length 1, for the mixture, the others
    as long as the codes' standard deviation along them, for noise that all components share. So mean and covariance of
    all codes are kept whatever their number.
    References: Ghosh et al. (2020), ICLR, section 4 (ex-post density estimation), ten components.
    """

    weights: NDArray[np.float64]
    means: NDArray[np.float64]
    factors: NDArray[np.float64]
    center: NDArray[np.float64] | None = None
    basis: NDArray[np.float64] | None = None

    @classmethod
    def fit(cls, codes: NDArray[np.float32], *, seed: int, components: int = 10) -> CodeDensity:
        """codes (n, code) -> the mixture; fewer components where rows are few. Random: from ``seed``."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.mixture import GaussianMixture
        from threadpoolctl import threadpool_limits

        codes = codes.astype(np.float64)
        if len(codes) == 1:
            codes = np.repeat(codes, 2, axis=0)
        center = basis = None
        if codes.shape[1] > MOST_AXES:
            center = codes.mean(axis=0)
            basis = _principal(codes - center)
            codes = (codes - center) @ basis[:, :MOST_AXES]
        most = max(1, min(components, len(np.unique(codes, axis=0)) // (2 * codes.shape[1] + 2)))
        # Relative to the codes' own spread, so that a narrow code is not blurred.
        floor = 1e-6 * max(float(codes.var(axis=0).mean()), 1e-12)
        # Products of matrices as small as these lose more to waiting threads than they gain: minutes on a busy machine.
        with warnings.catch_warnings(), threadpool_limits(1):
            # A mixture short of its optimum is still a density; more steps change samples little.
            warnings.simplefilter("ignore", ConvergenceWarning)
            mixture = GaussianMixture(most, reg_covar=floor, max_iter=50, random_state=seed).fit(codes)
        return cls(mixture.weights_, mixture.means_, np.linalg.cholesky(mixture.covariances_), center, basis)

    def sample(self, n: int, generator: np.random.Generator) -> NDArray[np.float32]:
        """(n, code) float32 codes."""
        which = generator.choice(len(self.weights), size=n, p=self.weights / self.weights.sum())
        noise = generator.standard_normal((n, self.means.shape[1]))
        drawn = np.empty_like(noise)
        for component in range(len(self.weights)):
            rows = which == component
            drawn[rows] = self.means[component] + noise[rows] @ self.factors[component].T
        if self.basis is not None and self.center is not None:
            left = generator.standard_normal((n, len(self.center) - drawn.shape[1]))
            drawn = self.center + np.hstack([drawn, left]) @ self.basis.T
        return np.asarray(drawn, dtype=np.float32)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Everything as named arrays."""
        arrays = {"weights": self.weights, "means": self.means, "factors": self.factors}
        if self.center is not None and self.basis is not None:
            arrays |= {"center": self.center, "basis": self.basis}
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> CodeDensity:
        """What :meth:`to_arrays` gave, as arrays or tensors."""
        names = [entry.name for entry in fields(cls) if entry.name in arrays]
        return cls(**{name: np.asarray(arrays[name], dtype=np.float64) for name in names})


def _principal(centered: NDArray[np.float64]) -> NDArray[np.float64]:
    """centered (n, code) -> (code, code) the basis of :class:`CodeDensity`."""
    variances, basis = np.linalg.eigh(centered.T @ centered / len(centered))
    basis, spreads = basis[:, ::-1], np.sqrt(np.maximum(variances[::-1], 0.0))
    basis[:, MOST_AXES:] *= spreads[MOST_AXES:]
    return np.ascontiguousarray(basis)
