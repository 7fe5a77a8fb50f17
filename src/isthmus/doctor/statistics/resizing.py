"""The same kind of code with another number of units, as a change of parts."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from isthmus.architectures.branches import Branches
from isthmus.errors import ParameterError

if TYPE_CHECKING:
    from isthmus.estimator import Autoencoder


def resized(model: Autoencoder | None, size: int) -> dict[str, Any]:
    """Parameters for ``set_params`` that give a model's code ``size`` units; empty where its parts do not allow it.

    Parts that count units of their own, such as the two of a divided code or the units kept of a sparse one, must
    still fit in. Empty for None, a pair of functions.
    """
    if model is None or size < 1:
        return {}
    code = model.part("code")
    if not any(field.name == "size" for field in dataclasses.fields(code)):
        return {}
    if size <= _units_counted(model):
        return {}
    try:
        dataclasses.replace(code, size=size)
    except ParameterError:
        return {}
    return {"code": size} if isinstance(model.code, int) else {"code__size": size}


def _units_counted(model: Autoencoder) -> int:
    """The largest place in a code that another part names."""
    named = [0]
    architecture = model.part("architecture")
    if isinstance(architecture, Branches):
        named.append(architecture.first_size or 1)
    for penalty in model.penalties:
        named.append(getattr(penalty, "split", None) or 0)
        named.append((getattr(penalty, "units", None) or (0, 0))[1] - 1)
    return max(named)
