"""MNIST as the reproductions take it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from benchmarks.tasks import MissingDataError

from isthmus.data.idx import read_idx

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Data:
    """Images (n, 784) in [0, 1] with their digits."""

    X: NDArray[np.float32]
    y: NDArray[np.int64]

    def cut(self, first: int, after: int) -> Data:
        """Some of the rows."""
        return Data(self.X[first:after], self.y[first:after])


def mnist(part: str) -> Data:
    """``train`` or ``t10k``. Raises MissingDataError with what to do."""
    folder = Path(os.environ.get("ISTHMUS_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
    files = [folder / "mnist" / f"{part}-{kind}-ubyte.gz" for kind in ("images-idx3", "labels-idx1")]
    for file in files:
        if not file.exists():
            raise MissingDataError(
                f"{file} is not there: put the four MNIST files into the folder mnist/ of ISTHMUS_DATA."
            )
    images, labels = map(read_idx, files)
    return Data(images.reshape(len(images), -1).astype(np.float32) / np.float32(255), labels.astype(np.int64))
