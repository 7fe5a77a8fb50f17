"""Two parts of a code that should not say the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import torch
from torch import Tensor, nn

from isthmus.errors import ParameterError
from isthmus.nn.pairs import distances
from isthmus.penalties.penalty import Penalty
from isthmus.spec import In

if TYPE_CHECKING:
    from isthmus.composition import Composition
    from isthmus.types import Forward

#: Added to variances, relative to their mean, so that covariances can be inverted: canonical correlations of a batch
#: of fewer rows than units stay below 1.
RIDGE = 1e-3


@dataclass
class Redundancy(Penalty):
    """Statistical dependence between the first units of the code and the rest.

    Parameters
    ----------
    weight : in [0, inf), nats per unit of the measure.
    split : how many units the first part has; None halves the code (the first part is the smaller one).
    measure : ``cross_covariance``: half the sum of squared covariances between units of the two parts, as published;
        smaller codes make it smaller. ``cross_correlation``: the same of correlations. ``cca``: minus half the sum of
        log(1 - r^2) over the canonical correlations r of the parts, which for normal codes is their mutual information
        in nats; no linear map of a part changes it. ``hsic``: dependence of any form, by Gaussian kernels as wide as
        the median distance, normalised to [0, 1].
    gives_way : the part that the gradient moves: ``both``, ``first`` or ``second``.

    Call: (batch,), each row the value of the whole batch; 0 for fewer than two rows. A batch should have several times
    as many rows as the code has units: ``cca`` of independent parts of m and n units is about m n / (2 rows), not 0.
    With several processes each measures its own rows.
    Random: nothing.
    References: Cheung et al. (2014), arXiv:1412.6583, equation 3 (XCov); Gretton et al. (2005), ALT, definition 2
    (biased HSIC), normalised as in Kornblith et al. (2019), ICML, equation 3; Hotelling (1936), Biometrika 28
    (canonical correlations); Kay (1992), "Feature discovery under contextual supervision using mutual information".
    Deviation: variances are raised by a thousandth of their mean, in ``cca``, so that they can be inverted.
    """

    couples_rows: ClassVar[bool] = True

    weight: Annotated[float, In("[0, inf)")] = 1.0
    split: Annotated[int, In("[1, inf)")] | None = None
    measure: Literal["cross_covariance", "cross_correlation", "cca", "hsic"] = "cross_covariance"
    gives_way: Literal["both", "first", "second"] = "both"

    @property
    def exact_gradient(self) -> bool:
        """False when one part is held fixed: then the gradient is not the value's slope."""
        return self.gives_way == "both"

    def state(self, network: Composition) -> nn.Module | None:
        size = network.parts.code.size
        if (self.split or 1) >= size:
            raise ParameterError(
                f"Redundancy compares two parts of a code, but split={self.split} leaves none of its {size} units: "
                f"use a split below {size}."
            )
        return None

    def __call__(self, forward: Forward, state: nn.Module | None) -> Tensor:
        z = forward.z
        if len(z) < 2:
            return 0.0 * z.sum(1)
        first, second = z.tensor_split([self.split or z.shape[1] // 2], dim=1)
        if self.gives_way == "first":
            second = second.detach()
        elif self.gives_way == "second":
            first = first.detach()
        # Products of centred codes lose too many digits in bfloat16.
        with torch.autocast(z.device.type, enabled=False):
            value = _MEASURES[self.measure](first, second)
        return value.expand(len(z))


def cross_covariance(first: Tensor, second: Tensor) -> Tensor:
    """Half the sum of squared covariances between columns of (n, a) and (n, b)."""
    return 0.5 * _covariance(_centred(first), _centred(second)).square().sum()


def cross_correlation(first: Tensor, second: Tensor) -> Tensor:
    """Half the sum of squared correlations between columns of (n, a) and (n, b)."""
    return cross_covariance(_standardised(first), _standardised(second))


def canonical_information(first: Tensor, second: Tensor) -> Tensor:
    """Nats: -1/2 sum log(1 - r^2) over the canonical correlations r of (n, a) and (n, b).

    By determinants of correlation matrices, log|A| + log|B| - log|AB|, all with the ridge on their diagonal.
    """
    parts = _standardised(first), _standardised(second)
    of_first, of_second, of_both = (_log_determinant(part) for part in (*parts, torch.cat(parts, dim=1)))
    return 0.5 * (of_first + of_second - of_both)


def hilbert_schmidt(first: Tensor, second: Tensor) -> Tensor:
    """In [0, 1]: HSIC of (n, a) and (n, b) over the geometric mean of each part's HSIC with itself."""
    kernels = _centred_kernel(first), _centred_kernel(second)
    across, *alone = ((one * other).sum() for one, other in (kernels, (kernels[0],) * 2, (kernels[1],) * 2))
    norm = alone[0] * alone[1]
    return across / torch.where(norm > 0, norm, 1.0).sqrt()


def _centred(x: Tensor) -> Tensor:
    return x - x.mean(0)


def _covariance(first: Tensor, second: Tensor) -> Tensor:
    return first.t() @ second / len(first)


def _standardised(x: Tensor) -> Tensor:
    """Columns of mean 0 and variance 1; a constant column becomes 0."""
    centred = _centred(x)
    variance = centred.square().mean(0)
    return centred / torch.where(variance > 0, variance, 1.0).sqrt()


def _log_determinant(x: Tensor) -> Tensor:
    """Log determinant of the correlations of standardised columns, raised on the diagonal."""
    correlations = _covariance(x, x) + RIDGE * torch.eye(x.shape[1], dtype=x.dtype, device=x.device)
    # A constant column has no variance; 1 on the diagonal leaves it out of the determinant.
    constant = (x == 0).all(0)
    factor = torch.linalg.cholesky(correlations + torch.diag(constant.to(x.dtype)))
    log_determinant: Tensor = 2 * factor.diagonal().log().sum()
    return log_determinant


def _centred_kernel(x: Tensor) -> Tensor:
    """(n, n) Gaussian kernel of rows, its bandwidth the median distance, centred on both sides.

    The bandwidth follows the code, and the gradient goes through it too: otherwise growing codes would look less
    dependent.
    """
    apart = distances(x).square()
    rows, columns = torch.triu_indices(len(x), len(x), 1, device=x.device)
    median = apart[rows, columns].median()
    kernel = torch.exp(-apart / (2 * torch.where(median > 0, median, 1.0)))
    centred = kernel - kernel.mean(0)
    return centred - centred.mean(1, keepdim=True)


_MEASURES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "cca": canonical_information,
    "cross_correlation": cross_correlation,
    "cross_covariance": cross_covariance,
    "hsic": hilbert_schmidt,
}
