"""How much worse something is on rows that were not learned from, with its interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from isthmus.doctor.statistics.intervals import RESAMPLES, Interval, quotient

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def excess_gap(
    held_out: tuple[ArrayLike, ArrayLike],
    learned: tuple[ArrayLike, ArrayLike],
    generator: np.random.Generator,
    *,
    resamples: int = RESAMPLES,
) -> Interval:
    """The gap of a model in units of the gap of a baseline, each being mean held-out error over mean training error.

    held_out, learned : (n,) and (m,) errors of the model, and of the baseline on the same rows. Rows of the two
    samples are drawn each by themselves, those of model and baseline together: a row that is hard for both cancels.
    """
    sums = [_relative(*errors, generator, resamples) for errors in (held_out, learned)]
    drawn = quotient(sums[0][1:], sums[1][1:])
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return Interval(float(quotient(sums[0][0], sums[1][0])), float(low), float(high))


def cost_of_gap(
    held_out: ArrayLike,
    learned: ArrayLike,
    scale: float,
    generator: np.random.Generator,
    *,
    resamples: int = RESAMPLES,
) -> Interval:
    """Mean of held_out (n,) minus mean of learned (m,), divided by ``scale``; each sample is drawn by itself."""
    means = [
        _means(np.asarray(values, dtype=np.float64)[:, None], generator, resamples)[:, 0]
        for values in (held_out, learned)
    ]
    difference = (means[0] - means[1]) / scale
    low, high = np.percentile(difference[1:], [2.5, 97.5])
    return Interval(float(difference[0]), float(low), float(high))


def _relative(
    errors: ArrayLike, baseline: ArrayLike, generator: np.random.Generator, resamples: int
) -> NDArray[np.float64]:
    """(1 + resamples,) mean error in units of the baseline's; the first one is the estimate."""
    means = _means(np.stack([np.asarray(errors), np.asarray(baseline)], axis=1), generator, resamples)
    return quotient(means[:, 0], means[:, 1])


def _means(
    values: NDArray[np.float64], generator: np.random.Generator, resamples: int
) -> NDArray[np.float64]:
    """(1 + resamples, k) means of values (n, k): of all rows, then of rows drawn with replacement."""
    n = len(values)
    drawn = [values.mean(axis=0, keepdims=True)]
    drawn += [
        generator.multinomial(n, np.full(n, 1.0 / n), size=min(100, resamples)) @ values / n
        for _ in range(0, resamples, 100)
    ]
    return np.concatenate(drawn)
