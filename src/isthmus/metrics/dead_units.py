"""Units of a code that never fire: counted over data, and predicted before any training."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy import stats

from isthmus.composition import by_blocks
from isthmus.errors import DataError, ParameterError, sentence

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from isthmus.composition import Composition
    from isthmus.types import Batch


@dataclass
class UnitActivity:
    """How often each unit of a code is not 0, over rows that come batch by batch.

    rows : seen so far. fired : (size,) in how many of them each unit was not 0.
    """

    rows: int = 0
    fired: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def update(self, codes: NDArray[Any]) -> None:
        """codes : (n, size), more rows."""
        counts = (np.asarray(codes) != 0).sum(axis=0)
        self.fired = counts if not self.rows else self.fired + counts
        self.rows += len(codes)

    @property
    def dead(self) -> float:
        """Share of units that never fired, in [0, 1]; NaN before the first row."""
        return float(np.mean(self.fired == 0)) if self.rows else float("nan")

    @property
    def l0(self) -> float:
        """Active units per row; NaN before the first row."""
        return float(self.fired.sum() / self.rows) if self.rows else float("nan")


def unit_activity(network: Composition, batches: Iterable[Batch]) -> UnitActivity:
    """The activity of a network's code over batches in model space, in evaluation mode.

    >>> unit_activity(model.network_, model.batches(X)).dead  # doctest: +SKIP
    0.25
    """
    activity = UnitActivity()
    network.eval()
    for batch in batches:
        with torch.inference_mode():
            codes = by_blocks(lambda x: network.encode(x).z, batch.x, network=network)
        activity.update(codes.float().cpu().numpy())
    return activity


@dataclass(frozen=True)
class Spread:
    """Three numbers about rows x in d dimensions, with mean m and covariance S.

    rows : how many. offset : |m|. variance : tr S. dimension : (tr S)^2 / tr S^2, the number of directions among which
    the variance would be divided equally.
    """

    rows: int
    offset: float
    variance: float
    dimension: float


def spread(X: Any, *, centered: bool = False, normalized: bool = False) -> Spread:
    """The spread of X (n, ...), its rows flattened; ``centered`` takes the mean away, ``normalized`` then lengths."""
    x = np.asarray(X, dtype=np.float64).reshape(len(X), -1)
    if not len(x) or not np.isfinite(x).all():
        raise DataError(
            "the spread of X needs rows without NaN and infinity: fill in or leave out what is unknown."
        )
    if centered:
        x = x - x.mean(axis=0)
    if normalized:
        lengths = np.linalg.norm(x, axis=1, keepdims=True)
        x = x / np.where(lengths > 0, lengths, 1.0)
    mean = x.mean(axis=0)
    x = x - mean
    gram = x.T @ x if x.shape[1] <= x.shape[0] else x @ x.T
    variance, squares = np.trace(gram) / len(x), np.square(gram / len(x)).sum()
    dimension = variance**2 / squares if squares > 0 else 1.0
    return Spread(len(x), float(np.linalg.norm(mean)), float(variance), float(dimension))


def predicted_dead_fraction(
    X: Any, *, units: int | None = None, k: int | None = None, centered: bool = False
) -> float:
    """Share of units that never fire on the rows of X while an encoder's weights are random and its biases 0.

    Parameters
    ----------
    X : (n, ...) rows in model space. units, k : of a top-k code; without them the code is rectified.
    centered : take the mean of X away first, as :class:`isthmus.training.initial.transposed.Transposed` does.

    A unit with a random direction w of length sqrt(d) answers x with w.x. Over units its mean w.m is N(0, |m|^2);
    over rows it varies around that with the variance w'Sw, whose mean is tr S and which is distributed over units
    like tr S chi^2_v / v with v = (tr S)^2 / tr S^2 (two moments agree). A rectified unit is dead when all n answers
    are below 0. A unit of a top-k code must be among the k largest of m answers of its row, which over units are
    N(0, |x|^2): with rows of length 1 all must be below the quantile T of N(0, 1) at 1 - k / m. So the share is

        E over a ~ N(0, |m|^2) and s^2 ~ tr S chi^2_v / v of Phi((T - a) / s)^n,

    T = 0 for rectified codes. It is exact for independent normal rows with equal eigenvalues of S and m = 0, and
    an approximation elsewhere: the answers of one unit are taken as normal and rows as independent. Clustered rows are
    worth fewer than n, so that real data have somewhat more dead units than this says.

    References: that dead units follow from |m| against the spread, for rectified and top-k codes: Simon, Adams and
    Zou (2026), arXiv:2605.31518. The distribution of s is ours: with one s for all, centred data would have no dead
    units at all.
    Raises: ParameterError when only one of units and k is given, or k is not in [1, units].
    """
    if (units is None) != (k is None):
        raise ParameterError(
            "predicted_dead_fraction needs units and k for a top-k code, neither for a rectified one."
        )
    threshold = 0.0
    if units is not None and k is not None:
        if not 1 <= k <= units:
            raise ParameterError(sentence("k of predicted_dead_fraction", f"in [1, {units}]", k))
        threshold = float(stats.norm.ppf(1 - k / units))
    measured = spread(X, centered=centered, normalized=units is not None)
    if measured.variance == 0.0:
        return (
            float(stats.norm.cdf(threshold / measured.offset)) if measured.offset else float(threshold >= 0)
        )
    normal = np.linspace(-8.0, 8.0, 2001)
    weights = stats.norm.pdf(normal)
    shares = (np.arange(200) + 0.5) / 200
    scale = np.sqrt(measured.variance * stats.chi2.ppf(shares, measured.dimension) / measured.dimension)
    logarithms = stats.norm.logcdf((threshold - measured.offset * normal[:, None]) / scale)
    below = np.exp(measured.rows * logarithms).mean(axis=1)
    return float(weights @ below / weights.sum())
