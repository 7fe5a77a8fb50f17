"""A saved model and data that go through it a block at a time."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from isthmus.data.source import Source
    from isthmus.estimator import Autoencoder


def opened_model(path: Path, *, allow: Sequence[str] = ()) -> Autoencoder:
    """The model in a folder; modules in ``allow`` are looked for in the working directory too.

    Results come in the form that files have, whatever the model was trained on in Python.
    """
    from isthmus.loading import load

    if allow and "" not in sys.path:
        sys.path.insert(0, "")
    model = load(path.expanduser(), allow=allow)
    model.schema_ = dataclasses.replace(model.schema_, native="file")
    return model


def opened_data(model: Autoencoder, data: str, *, target: str | None = None) -> Source:
    """Data for a model; of a table only the columns that it was trained on, and labels where ``target`` names them."""
    from isthmus.data.opening import open_source

    return open_source(data, target=target, columns=model.schema_.names or None)


def codes(model: Autoencoder, source: Source) -> Iterator[NDArray[Any]]:
    """Codes (rows, code_size) float32, block by block."""
    import torch

    for batch in model.batches(source):
        with torch.inference_mode():
            yield model.network_.encode(batch.x).z.float().cpu().numpy()


def reconstructions(model: Autoencoder, source: Source, *, steps: int = 1) -> Iterator[Any]:
    """Reconstructions in data units, block by block; of reconstructions with more than one step."""
    import torch

    for batch in model.batches(source):
        with torch.inference_mode():
            x = model.network_.reconstruct(batch.x, steps=steps).float().cpu().numpy()
        yield model.transform_.inverse(x)


def decoded(model: Autoencoder, source: Source) -> Iterator[Any]:
    """What codes that were read from a file decode to, in data units, block by block."""
    from isthmus.data.frames import is_frame, numbers_of_frame
    from isthmus.errors import DataError
    from isthmus.training.feeding import BLOCK_ROWS

    for rows in source.blocks(BLOCK_ROWS):
        values: Any = rows.values
        if hasattr(values, "tocsr"):
            raise DataError(f"{source.name} is sparse, codes are dense: pass what encode wrote.")
        yield model.inverse_transform(numbers_of_frame(values) if is_frame(values) else values)
