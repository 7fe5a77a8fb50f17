"""The posteriors of a code that is drawn, as arrays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.codes.gaussian import Gaussian
from isthmus.inference import evaluated

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from isthmus.doctor.patient import Patient

    Array = NDArray[np.float64]


def without_posterior(patient: Patient, otherwise: str) -> Iterator[str]:
    """Why a patient has no normal posteriors to look at. otherwise : a sentence on codes that are not drawn."""
    if patient.model is None:
        yield "only a model that isthmus trained shows its posteriors; this one is a pair of functions."
    elif not isinstance(patient.model.network_.parts.code, Gaussian):
        yield f"the code is {patient.model.network_.parts.code!r}: {otherwise}"


def posteriors(patient: Patient, x: Any) -> tuple[Array, Array]:
    """x (n, features) -> means and log variances (n, code) of q(z|x). The patient's code is Gaussian."""
    import torch

    model = patient.model
    if model is None:
        raise TypeError("a pair of functions has no posteriors")
    rows = torch.from_numpy(np.ascontiguousarray(x, dtype=np.float32)).reshape(len(x), *patient.shape)

    def both(block: torch.Tensor) -> torch.Tensor:
        posterior = model.network_.encode(block).posterior
        return torch.cat([posterior.mean, posterior.log_var], 1)

    found = evaluated(model.network_, both, rows).double().cpu().numpy()
    size = found.shape[1] // 2
    return found[:, :size], found[:, size:]


def drawn(mean: Array, log_var: Array, generator: np.random.Generator) -> NDArray[np.float32]:
    """(n, code) one code of each posterior."""
    return np.asarray(mean + np.exp(0.5 * log_var) * generator.standard_normal(mean.shape), dtype=np.float32)


def divergences(mean: Array, log_var: Array) -> Array:
    """(n, code) KL of each unit's posterior to N(0, 1) in nats (Kingma and Welling 2014, appendix B)."""
    return np.asarray(0.5 * (mean**2 + np.expm1(log_var) - log_var))


def information(mean: Array, log_var: Array, generator: np.random.Generator) -> Array:
    """(n,) nats whose mean estimates the mutual information of row and code; the estimate is at most log n.

    log q(z|x) - log of the mean of q(z|x') over all rows, at one code drawn a row: log n when every row's code tells it
    from all others. References: Hoffman and Johnson (2016), ELBO surgery, equation 9.
    """
    from scipy.special import logsumexp

    z = drawn(mean, log_var, generator).astype(np.float64)
    precision = np.exp(-log_var)
    # (z_i - mean_j)^2 / var_j summed over units, by products of matrices.
    squares = z**2 @ precision.T - 2.0 * z @ (mean * precision).T + (mean**2 * precision).sum(axis=1)
    densities = -0.5 * (np.maximum(squares, 0.0) + log_var.sum(axis=1))
    return np.asarray(np.diagonal(densities) - logsumexp(densities, axis=1) + np.log(len(z)))
