"""A fitted autoencoder to a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from isthmus import spec
from isthmus.persistence.folder import save_folder

if TYPE_CHECKING:
    import os

    from torch import Tensor

    from isthmus.estimator import Autoencoder

ATTRIBUTES = ("code_size_", "history_", "training_summary_", "n_features_in_")


def save(model: Autoencoder, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Write a fitted model: its parameters, parts, schema and history as JSON, its numbers as safetensors."""
    parts = model.network_.parts
    document = {
        "parameters": {name: _to_json(value) for name, value in model.get_params(deep=False).items()},
        "parts": {name: _to_json(value) for name, value in vars(parts).items()},
        "transform": model.transform_.to_json(),
        "fitted": {name: getattr(model, name) for name in ATTRIBUTES},
        "classes": model.classes_.tolist() if hasattr(model, "classes_") else None,
    }
    tensors: dict[str, Tensor] = {
        f"network/{name}": value.detach().cpu() for name, value in model.network_.state_dict().items()
    }
    for group, arrays in (
        ("baselines", model.baselines_.to_arrays()),
        ("density", model.density_.to_arrays()),
    ):
        tensors |= {f"{group}/{name}": torch.as_tensor(np.array(value)) for name, value in arrays.items()}
    save_folder(path, document=document, tensors=tensors, overwrite=overwrite)


def _to_json(value: Any) -> Any:
    if isinstance(value, spec.Spec):
        return value.to_json()
    if isinstance(value, tuple | list):
        return [_to_json(item) for item in value]
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return None  # a RandomState has no JSON form; the seed it gave is in training_summary_
