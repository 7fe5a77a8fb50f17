"""A fitted autoencoder to a folder and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from isthmus import spec
from isthmus.composition import Composition, Parts
from isthmus.data.fitting import transform_from_json
from isthmus.density import CodeDensity
from isthmus.errors import ModelError
from isthmus.estimator import Autoencoder
from isthmus.metrics.baselines import Baselines
from isthmus.persistence.folder import load_folder, save_folder

if TYPE_CHECKING:
    import os

    from torch import Tensor

_ATTRIBUTES = ("code_size_", "history_", "training_summary_", "n_features_in_")


def save(model: Autoencoder, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Write a fitted model: its parameters, parts, schema and history as JSON, its numbers as safetensors."""
    parts = model.network_.parts
    document = {
        "parameters": {name: _to_json(value) for name, value in model.get_params(deep=False).items()},
        "parts": {name: _to_json(value) for name, value in vars(parts).items()},
        "transform": model.transform_.to_json(),
        "fitted": {name: getattr(model, name) for name in _ATTRIBUTES},
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


def load(path: str | os.PathLike[str], *, allow: Sequence[str] = ()) -> Autoencoder:
    """The model that was saved in a folder, verified; on the CPU, ready to transform.

    Parameters
    ----------
    path : the folder. allow : modules outside isthmus that the model may import code from (``Custom`` networks and
        parts of your own); without it such a model is refused and nothing of it is run.

    Raises InputError when there is nothing, ModelError for damaged, foreign, too new or unallowed models.
    """
    document, tensors = load_folder(path)
    groups: dict[str, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        group, _, rest = name.partition("/")
        groups.setdefault(group, {})[rest] = value
    try:
        return _restored(document, groups, allow)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        if isinstance(error, ModelError):
            raise
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(
            f"the model in {path} does not fit together ({reason}): it was written by another version or changed by "
            f"hand; save it anew."
        ) from error


def _restored(
    document: dict[str, Any], groups: dict[str, dict[str, Tensor]], allow: Sequence[str]
) -> Autoencoder:
    parameters = {name: spec.from_json(value, allow=allow) for name, value in document["parameters"].items()}
    parts = Parts(**{name: spec.from_json(value, allow=allow) for name, value in document["parts"].items()})
    model = Autoencoder(**parameters)
    transform = transform_from_json(document["transform"])
    with torch.random.fork_rng(devices=[]):
        network = Composition(parts, transform.event)
    network.load_state_dict(groups.get("network", {}))
    model.network_ = network.eval()
    model.transform_ = transform
    model.schema_ = transform.schema
    model.event_ = transform.event
    for name in _ATTRIBUTES:
        setattr(model, name, document["fitted"][name])
    if document["classes"] is not None:
        model.classes_ = np.array(document["classes"])
    if transform.schema.columns:
        model.feature_names_in_ = np.array(transform.schema.names, dtype=object)
    model.baselines_ = Baselines.from_arrays(
        {name: value.numpy() for name, value in groups["baselines"].items()}
    )
    model.density_ = CodeDensity.from_arrays(
        {name: value.numpy() for name, value in groups["density"].items()}
    )
    return model


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
