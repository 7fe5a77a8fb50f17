"""A saved autoencoder back from its folder."""

from __future__ import annotations

import dataclasses
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
from isthmus.persistence.folder import load_folder
from isthmus.saving import ATTRIBUTES

if TYPE_CHECKING:
    import os

    from torch import Tensor


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
        event = dataclasses.replace(transform.event, classes=len(document["classes"] or ()))
        network = Composition(parts, event)
    network.load_state_dict(groups.get("network", {}))
    model.network_ = network.eval()
    model.transform_ = transform
    model.schema_ = transform.schema
    model.event_ = event
    for name in ATTRIBUTES:
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
