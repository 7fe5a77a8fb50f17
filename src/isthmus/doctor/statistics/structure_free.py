"""Rows without structure: every column keeps its values, and what joins columns is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from isthmus.doctor.rows import Rows
from isthmus.doctor.statistics import intervals
from isthmus.doctor.statistics.columns import filled
from isthmus.doctor.statistics.directions import denoised

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from isthmus.doctor.patient import Patient
    from isthmus.doctor.statistics.intervals import Interval


#: Standard deviation of the added noise in that of each column: faint beside the data, large beside rounding.
NOISE = 0.3
#: Share of the columns of a row that are exchanged.
EXCHANGED = 0.3
#: Rows that are judged, and training rows that neighbors are looked for among.
ROWS, NEIGHBORS = 2_000, 2_000


def places(patient: Patient) -> list[slice]:
    """Which entries of a row are one column of the data: one number, or all levels of a categorical column."""
    columns = () if patient.model is None else patient.model.event_.columns
    if columns:
        return [column.entries for column in columns]
    return [slice(place, place + 1) for place in range(patient.features)]


def permuted(rows: Rows, columns: Sequence[slice], generator: np.random.Generator) -> Rows:
    """Rows without structure: each column is dealt out anew among them, with what is known of it; labels are gone."""
    x = np.empty_like(rows.x)
    known = None if rows.known is None else np.empty_like(rows.known)
    for entries in columns:
        order = generator.permutation(len(rows))
        x[:, entries] = rows.x[order, entries]
        if known is not None and rows.known is not None:
            known[:, entries] = rows.known[order, entries]
    return Rows(x, known, None, len(rows))


def complete(rows: Rows, mean: NDArray[np.float32]) -> NDArray[np.float64]:
    """(n, features) with unknown entries at the mean."""
    return filled(rows, mean.astype(np.float64))


def spread(rows: Rows, mean: NDArray[np.float32]) -> NDArray[np.float64]:
    """(features,) standard deviations of the known entries about the mean; 0 where next to nothing varies."""
    squares = rows.squares(mean[None]).sum(axis=0)
    counts = len(rows) if rows.known is None else np.maximum(rows.known.sum(axis=0), 1)
    found = np.sqrt(squares / counts)
    return np.where(found > 1e-6 * np.maximum(found.max(initial=0.0), np.abs(mean)), found, 0.0)


def first(rows: Rows, count: int) -> Rows:
    """The first rows, which are a random sample of them all."""
    return Rows(
        rows.x[:count],
        None if rows.known is None else rows.known[:count],
        None if rows.labels is None else rows.labels[:count],
        rows.total,
    )


def followed(
    patient: Patient, rows: Rows, free: Rows, units: list[slice], generator: np.random.Generator
) -> Interval:
    """The part of a change of entries that outputs make too: a copy's is 1, a constant answer's 0.

    Entries are exchanged for those of other rows, so that no value is beyond what its column holds: noise would be,
    and an output that cannot leave [0, 1] would seem to remove it.
    """
    chosen = np.zeros(rows.x.shape, dtype=bool)
    for entries in units:
        chosen[:, entries] = (generator.random(len(rows)) < EXCHANGED)[:, None]
    if rows.known is not None and free.known is not None:
        chosen &= rows.known & free.known
    change = np.where(chosen, free.x - rows.x, np.float32(0))
    answer = patient.reconstruct(rows.x + change) - patient.reconstruction[: len(rows)]
    return intervals.ratio(
        (change * answer).sum(axis=1, dtype=np.float64),
        np.square(change, dtype=np.float64).sum(axis=1),
        generator,
    )


def denoising_gain(patient: Patient, rows: Rows, generator: np.random.Generator) -> tuple[Interval, float]:
    """1 - |D(E(x + noise)) - x|^2 / |noise|^2 of the model, and of the best linear map."""
    mean = patient.baselines.mean
    deviations = (NOISE * spread(patient.train, mean)).astype(np.float32)
    noise = generator.standard_normal(rows.x.shape, dtype=np.float32) * deviations
    if rows.known is not None:
        noise *= rows.known
    noisy = rows.x + noise
    size = np.square(noise, dtype=np.float64).sum(axis=1)
    model = intervals.share_explained(rows.squares(patient.reconstruct(noisy)).sum(axis=1), size, generator)
    train = complete(first(patient.train, ROWS), mean)
    linear = denoised(
        complete(Rows(noisy, rows.known, None, len(rows)), mean),
        train,
        mean=mean,
        noise=deviations,
    )
    best = 1.0 - rows.squares(linear).sum() / max(float(size.sum()), 1e-300)
    return model, float(best)


def nearer(patient: Patient, units: list[slice], generator: np.random.Generator) -> Interval:
    """The chance that a row lies nearer to the training rows than one without structure (area under the curve)."""
    mean = patient.baselines.mean
    scale = spread(patient.train, mean)
    weights = np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 0).astype(np.float32)
    half = len(patient.train) if patient.held_out else len(patient.train) // 2
    near = (complete(patient.train, mean)[:half][:NEIGHBORS] - mean) * weights
    if patient.held_out:
        rows = first(patient.test, ROWS // 2)
    else:  # the judged rows are those trained on: the other half looks for neighbors
        known = patient.train.known
        rows = Rows(patient.train.x[half:], None if known is None else known[half:], None, 0)
        rows = first(rows, ROWS // 2)
    free = permuted(rows, units, generator)
    lengths = np.square(near).sum(axis=1)
    found = []
    for those in (rows, free):
        x = (complete(those, mean) - mean) * weights
        squares = np.square(x).sum(axis=1)[:, None] + lengths - 2.0 * (x @ near.T)
        found.append(np.maximum(squares.min(axis=1), 0.0))
    # Each row's share of the comparisons, whose spread is that of the area (DeLong et al. 1988, Biometrics 44).
    of_rows, of_free = (_below(found[0], found[1]), 1.0 - _below(found[1], found[0]))
    return intervals.mean(of_rows + of_free - of_rows.mean(), generator)


def _below(values: NDArray[np.floating], others: NDArray[np.floating]) -> NDArray[np.float64]:
    """(n,) share of the others that each value lies below, equal ones counted half."""
    ordered = np.sort(others)
    sides = [np.searchsorted(ordered, values, side=side) for side in ("left", "right")]
    return np.asarray(1.0 - (sides[0] + sides[1]) / (2.0 * len(others)))


def explained_of_noise(patient: Patient, rows: Rows, generator: np.random.Generator) -> Interval:
    """The variance explained of normal noise with each entry's mean and deviation."""
    mean = patient.baselines.mean
    deviations = spread(patient.train, mean).astype(np.float32)
    x = mean + generator.standard_normal(rows.x.shape, dtype=np.float32) * deviations
    if rows.known is not None:
        x *= rows.known
    made = Rows(x, rows.known, None, len(rows))
    return intervals.share_explained(
        made.squares(patient.reconstruct(x)).sum(axis=1), made.squares(mean[None]).sum(axis=1), generator
    )
