"""Data of any kind as rows: sources, their schema, and the way to model space and back."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from isthmus.data.affine import Affine
    from isthmus.data.arrays import ArraySource
    from isthmus.data.fitting import fit_transform, transform_from_json
    from isthmus.data.memory import budget_bytes
    from isthmus.data.opening import open_source
    from isthmus.data.rows import Rows, concatenate
    from isthmus.data.schema import ColumnSchema, Schema
    from isthmus.data.source import Source
    from isthmus.data.transform import Transform
    from isthmus.data.transform_table import ExtraColumnWarning, UnseenLevelWarning
    from isthmus.data.writing import write, writer

_HOME = {
    "Affine": "affine",
    "ArraySource": "arrays",
    "ColumnSchema": "schema",
    "ExtraColumnWarning": "transform_table",
    "Rows": "rows",
    "Schema": "schema",
    "Source": "source",
    "Transform": "transform",
    "UnseenLevelWarning": "transform_table",
    "budget_bytes": "memory",
    "concatenate": "rows",
    "fit_transform": "fitting",
    "open_source": "opening",
    "transform_from_json": "fitting",
    "write": "writing",
    "writer": "writing",
}

__all__ = [
    "Affine",
    "ArraySource",
    "ColumnSchema",
    "ExtraColumnWarning",
    "Rows",
    "Schema",
    "Source",
    "Transform",
    "UnseenLevelWarning",
    "budget_bytes",
    "concatenate",
    "fit_transform",
    "open_source",
    "transform_from_json",
    "write",
    "writer",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'isthmus.data' has no attribute {name!r}")
    return getattr(importlib.import_module(f"isthmus.data.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(_HOME)
