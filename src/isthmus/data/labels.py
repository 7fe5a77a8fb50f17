"""Labels that lie in a file of their own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.data.files import check_file
from isthmus.data.idx import read_idx
from isthmus.data.opening import open_source
from isthmus.data.rows import concatenate
from isthmus.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BLOCK_ROWS = 65_536


def read_labels(path: str) -> NDArray[Any]:
    """(n,) numbers or text out of a file of one label a row: ``.npy``, IDX, or a table of one column.

    Raises InputError for files that cannot be read, DataError where there is more than one value a row.
    """
    file = Path(path).expanduser()
    if file.suffix == ".npy":
        check_file(file)
        try:
            values: NDArray[Any] = np.load(file, allow_pickle=False)
        except ValueError as error:
            raise DataError(f"{path} is no array of numbers or text: convert it first.") from error
    elif "-ubyte" in file.name or ".idx" in file.name:
        check_file(file)
        values = read_idx(file)
    else:
        rows: Any = concatenate(list(open_source(path).blocks(_BLOCK_ROWS))).values
        values = np.array(rows.column(0).to_pylist()) if hasattr(rows, "num_columns") else np.asarray(rows)
        if getattr(rows, "num_columns", 1) != 1:
            raise DataError(
                f"{path} has {rows.num_columns} columns, labels are one: name a file of one column."
            )
    if values.ndim > 1 and values.size != len(values):
        raise DataError(f"{path} holds an array of shape {values.shape}, labels are one a row: flatten it.")
    return values.reshape(len(values)) if values.ndim else values.reshape(1)
