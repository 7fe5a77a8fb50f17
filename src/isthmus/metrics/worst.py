"""The samples that were reconstructed worst, in constant memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from isthmus.metrics.rows import Floats, Known


@dataclass(frozen=True)
class Worst:
    """The worst samples, the worst first; equal errors in the order of their row numbers.

    index : (k,) row numbers. errors : (k,) mean squared error over known entries; inf where it is not finite.
    originals, reconstructions : (k, features) in model units. mask : (k, features), True = known.
    """

    index: npt.NDArray[np.int64]
    errors: npt.NDArray[np.float64]
    originals: npt.NDArray[np.float32]
    reconstructions: npt.NDArray[np.float32]
    mask: Known


class WorstRows:
    """Keeps the ``count`` rows of a stream with the largest errors, and the rows themselves."""

    def __init__(self, *, count: int, size: int) -> None:
        self.count = count
        self._kept = Worst(
            index=np.empty(0, dtype=np.int64),
            errors=np.empty(0),
            originals=np.empty((0, size), dtype=np.float32),
            reconstructions=np.empty((0, size), dtype=np.float32),
            mask=np.empty((0, size), dtype=np.bool_),
        )

    def update(
        self,
        errors: npt.NDArray[np.float64],
        index: npt.NDArray[np.int64],
        x: Floats,
        reconstruction: Floats,
        known: Known | None,
    ) -> None:
        """errors (batch,), NaN where a sample has no known entry; the rest are the batch's rows."""
        there = np.flatnonzero(~np.isnan(errors))
        if len(self._kept.errors) == self.count and self.count:
            there = there[errors[there] >= self._kept.errors[-1]]
        if not self.count or not len(there):
            return
        there = there[np.lexsort((index[there], -errors[there]))[: self.count]]
        mask = np.ones((len(there), x.shape[1]), dtype=np.bool_) if known is None else known[there]
        old = self._kept
        all_errors = np.concatenate([old.errors, errors[there]])
        all_index = np.concatenate([old.index, index[there]])
        order = np.lexsort((all_index, -all_errors))[: self.count]
        originals = np.where(mask, x[there], 0).astype(np.float32)
        self._kept = Worst(
            index=all_index[order],
            errors=all_errors[order],
            originals=np.concatenate([old.originals, originals])[order],
            reconstructions=np.concatenate([old.reconstructions, reconstruction[there].astype(np.float32)])[
                order
            ],
            mask=np.concatenate([old.mask, mask])[order],
        )

    def result(self) -> Worst:
        """What is kept so far."""
        return self._kept
