"""The data sets that ship inside scikit-learn; nothing is downloaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.data.arrays import ArraySource

if TYPE_CHECKING:
    from isthmus.data.source import Source

FRAMES = ("iris", "wine", "breast_cancer", "diabetes", "linnerud")
NAMES = ("digits", *FRAMES)


def open_builtin(name: str) -> Source:
    """``digits``: 1797 images of 8 x 8 with values 0 to 16, white being 16; the others: tables with units.

    Labels are the sets' classes (digits, iris, wine, breast_cancer) or their measured outcome (diabetes).
    """
    from sklearn import datasets

    if name == "digits":
        bunch: Any = datasets.load_digits()
        return ArraySource(
            bunch.images.astype(np.uint8),
            name=name,
            native="file",
            labels=bunch.target.astype(np.int64),
            label_names=tuple(map(str, bunch.target_names)),
            white=16.0,
        )
    import pyarrow as pa

    from isthmus.data.tables import TableSource

    bunch = getattr(datasets, f"load_{name}")()
    table = pa.table({str(column): bunch.data[:, place] for place, column in enumerate(bunch.feature_names)})
    target = np.asarray(bunch.target)
    classes = tuple(map(str, bunch.get("target_names", ()))) if target.dtype.kind in "iu" else ()
    return TableSource(
        table, name=name, native="file", labels=target if target.ndim == 1 else None, label_names=classes
    )
