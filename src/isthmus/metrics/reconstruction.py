"""How well samples are reconstructed, measured in a stream."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from isthmus.metrics.distribution import ErrorDistribution
from isthmus.metrics.rows import Floats, Known, as_known, as_rows, check_pair
from isthmus.metrics.worst import Worst, WorstRows

_CHUNK = 1 << 20  # entries worked on at once, so that float64 temporaries stay near 8 MB


@dataclass(frozen=True)
class Reconstruction:
    """What a meter measured, in model units; None where a number is undefined.

    n : samples. features : numbers a sample has. known : known entries of all samples.
    mse : squared error per known entry. squared_error : summed over known features, averaged over samples
    (Hinton and Salakhutdinov's unit). explained_variance : 1 - squared error / squared distance from the
    training mean, both summed over known entries; None where the data do not vary about that mean.
    per_feature : (features,) mean squared error of each feature over the samples that know it; NaN for a
    feature that no sample knows. quantiles : per-sample errors (mean over known entries) at ``shares``.
    Everything is None when n is 0, or when a reconstruction was not finite: ``non_finite`` counts such
    samples.
    """

    n: int
    features: int
    known: int
    mse: float | None
    squared_error: float | None
    explained_variance: float | None
    per_feature: npt.NDArray[np.float64]
    worst: Worst
    shares: npt.NDArray[np.float64]
    quantiles: npt.NDArray[np.float64]
    non_finite: int = 0

    def psnr(self, *, peak: float = 1.0) -> float | None:
        """Peak signal-to-noise ratio of the whole set in decibels; None where the error is 0 or undefined."""
        return 10 * math.log10(peak**2 / self.mse) if self.mse else None

    def to_json(self) -> dict[str, float | None]:
        """The two errors, as the ``baselines`` of ``evaluate --json`` hold them."""
        return {"mse": self.mse, "squared_error": self.squared_error}


class ReconstructionMeter:
    """Compares reconstructions with originals, batch by batch, in constant memory.

    Differences, squares and sums are float64. Unknown entries contribute nothing, whatever they hold; a
    sample without any known entry counts in ``n`` and has no error of its own.

    Parameters
    ----------
    event_size : numbers in a sample.
    mean : (features,) of the training data in model units; without it explained variance is None.
    worst : how many of the worst samples are kept, with their rows.
    limit, seed : see :class:`~isthmus.metrics.distribution.ErrorDistribution`.
    """

    shares = np.array([0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0])

    def __init__(
        self,
        event_size: int,
        *,
        mean: npt.ArrayLike | None = None,
        worst: int = 16,
        limit: int = 100_000,
        seed: int = 0,
    ) -> None:
        self.event_size = event_size
        self.n = 0
        self.distribution = ErrorDistribution(limit=limit, seed=seed)
        self._mean = None if mean is None else as_rows(np.asarray(mean).reshape(1, -1), size=event_size)[0]
        self._worst = WorstRows(count=worst, size=event_size)
        self._per_feature = np.zeros(event_size)
        self._counts = np.zeros(event_size, dtype=np.int64)
        self._spread = 0.0
        self._non_finite = 0

    def update(
        self, x: Any, reconstruction: Any, mask: Any = None, index: npt.ArrayLike | None = None
    ) -> None:
        """x and reconstruction (batch, *event), numpy or torch; mask likewise; index (batch,) row numbers.

        Without ``index`` rows are counted from 0 in the order they come. Raises DataError on unequal shapes.
        """
        original = as_rows(x, size=self.event_size)
        output = as_rows(reconstruction, size=self.event_size, what="reconstruction")
        known = as_known(mask, size=self.event_size)
        check_pair(original, output, what="reconstruction")
        check_pair(original, known, what="mask")
        rows = (
            np.arange(self.n, self.n + len(original)) if index is None else np.asarray(index, dtype=np.int64)
        )
        step = max(1, _CHUNK // max(1, self.event_size))
        for start in range(0, len(original), step):
            part = slice(start, start + step)
            self._update(original[part], output[part], None if known is None else known[part], rows[part])

    def _update(self, x: Floats, output: Floats, known: Known | None, rows: npt.NDArray[np.int64]) -> None:
        with np.errstate(invalid="ignore", over="ignore"):
            squares = np.subtract(output, x, dtype=np.float64)
            squares *= squares
        if known is not None:
            squares[~known] = 0
        per_row = squares.sum(axis=1)
        per_row_known = np.full(len(x), self.event_size) if known is None else known.sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            errors = np.where(per_row_known > 0, per_row / per_row_known, np.nan)
        broken = ~np.isfinite(per_row)
        errors[broken] = np.inf
        self._non_finite += int(broken.sum())
        self._per_feature += squares.sum(axis=0)
        self._counts += len(x) if known is None else known.sum(axis=0)
        if self._mean is not None:
            self._spread += _spread(x, self._mean, known)
        self.distribution.update(errors, rows)
        self._worst.update(errors, rows, x, output, known)
        self.n += len(x)

    def result(self) -> Reconstruction:
        """The measures of everything seen so far; may be called again after further batches."""
        known = int(self._counts.sum())
        total = math.fsum(self._per_feature) if known and not self._non_finite else None
        with np.errstate(invalid="ignore", divide="ignore"):
            per_feature = np.where(self._counts > 0, self._per_feature / self._counts, np.nan)
        return Reconstruction(
            n=self.n,
            features=self.event_size,
            known=known,
            mse=None if total is None else total / known,
            squared_error=None if total is None else total / self.n,
            explained_variance=self._explained(total),
            per_feature=per_feature,
            worst=self._worst.result(),
            shares=self.shares,
            quantiles=self.distribution.quantiles(self.shares),
            non_finite=self._non_finite,
        )

    def _explained(self, total: float | None) -> float | None:
        if total is None or self._mean is None:
            return None
        # Below float32's rounding of the mean itself, a spread is not a variation of the data.
        rounding = float(np.sum(self._counts * (self._mean * 2.0**-23) ** 2.0))
        return 1 - total / self._spread if self._spread > rounding else None


def _spread(x: Floats, mean: Floats, known: Known | None) -> float:
    """Squared distance from the mean, summed over known entries."""
    squares = np.subtract(x, mean, dtype=np.float64)
    squares *= squares
    if known is not None:
        squares[~known] = 0
    return float(squares.sum())
