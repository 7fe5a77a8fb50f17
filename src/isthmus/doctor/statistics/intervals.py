"""How sure a number is that was estimated from rows: bootstrap intervals over the rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

#: Samples with replacement behind an interval.
RESAMPLES = 1_000
#: Numbers of a block of resampling weights.
_BLOCK = 2_000_000


@dataclass(frozen=True)
class Interval:
    """An estimate and the ends of its 95 % interval."""

    value: float
    low: float
    high: float

    def above(self, bound: float) -> bool:
        """Surely above."""
        return self.low > bound

    def below(self, bound: float) -> bool:
        """Surely below."""
        return self.high < bound


def of_sums(
    rows: ArrayLike,
    statistic: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    generator: np.random.Generator,
    *,
    resamples: int = RESAMPLES,
) -> Interval:
    """The interval of a function of sums over rows, by the percentile bootstrap.

    Parameters
    ----------
    rows : (n, k), what each row adds to each of k sums. statistic : (..., k) sums -> (...), such as a ratio of two.
    generator : which rows are drawn. resamples : how often.

    References: Efron and Tibshirani (1993), An introduction to the bootstrap, sections 8 and 13.
    """
    values = np.asarray(rows, dtype=np.float64)
    n = len(values)
    estimate = float(statistic(values.sum(axis=0)))
    drawn = []
    together = max(1, _BLOCK // max(n, 1))
    for start in range(0, resamples, together):
        count = min(together, resamples - start)
        weights = generator.multinomial(n, np.full(n, 1.0 / n), size=count)
        drawn.append(statistic(weights @ values))
    low, high = np.nanpercentile(np.concatenate(drawn), [2.5, 97.5])
    return Interval(estimate, float(low), float(high))


def share_explained(
    errors: ArrayLike, reference: ArrayLike, generator: np.random.Generator, *, resamples: int = RESAMPLES
) -> Interval:
    """1 - sum of errors / sum of the reference's errors: the variance explained where that is the mean's.

    errors, reference : (n,) squared errors of the same rows.
    """
    return of_sums(
        np.stack([np.asarray(errors), np.asarray(reference)], axis=1),
        lambda sums: 1.0 - quotient(sums[..., 0], sums[..., 1]),
        generator,
        resamples=resamples,
    )


def ratio(
    above: ArrayLike, below: ArrayLike, generator: np.random.Generator, *, resamples: int = RESAMPLES
) -> Interval:
    """Sum of ``above`` over sum of ``below``, each (n,), of the same rows."""
    return of_sums(
        np.stack([np.asarray(above), np.asarray(below)], axis=1),
        lambda sums: quotient(sums[..., 0], sums[..., 1]),
        generator,
        resamples=resamples,
    )


def ratio_of_samples(
    above: ArrayLike, below: ArrayLike, generator: np.random.Generator, *, resamples: int = RESAMPLES
) -> Interval:
    """Mean of ``above`` (n,) over mean of ``below`` (m,), of different rows: each is resampled by itself."""
    first, second = (np.asarray(values, dtype=np.float64) for values in (above, below))
    drawn = [_means(values, generator, resamples) for values in (first, second)]
    low, high = np.nanpercentile(quotient(*drawn), [2.5, 97.5])
    return Interval(float(quotient(first.mean(), second.mean())), float(low), float(high))


def mean(values: ArrayLike, generator: np.random.Generator, *, resamples: int = RESAMPLES) -> Interval:
    """The mean of (n,) numbers."""
    found = np.asarray(values, dtype=np.float64)
    low, high = np.percentile(_means(found, generator, resamples), [2.5, 97.5])
    return Interval(float(found.mean()), float(low), float(high))


def quotient(above: Any, below: Any) -> NDArray[np.float64]:
    """above / below; NaN where below is 0."""
    above, below = np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64)
    shape = np.broadcast(above, below).shape
    return np.asarray(np.divide(above, below, out=np.full(shape, np.nan), where=below != 0))


def _means(
    values: NDArray[np.float64], generator: np.random.Generator, resamples: int
) -> NDArray[np.float64]:
    n = len(values)
    together = max(1, _BLOCK // max(n, 1))
    pieces = []
    for start in range(0, resamples, together):
        count = min(together, resamples - start)
        pieces.append(generator.multinomial(n, np.full(n, 1.0 / n), size=count) @ values / n)
    return np.asarray(np.concatenate(pieces))
