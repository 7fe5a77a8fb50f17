"""What autoencoders are used for: small estimators over an Autoencoder, one file a task, found by listing."""

from __future__ import annotations

from typing import Any

from isthmus import registry


def _tasks() -> dict[str, type]:
    """Every public estimator that a file of this folder defines, by class name."""
    import importlib

    from sklearn.base import BaseEstimator

    found: dict[str, type] = {}
    for name in registry.modules("tasks"):
        module = importlib.import_module(f"isthmus.tasks.{name}")
        found |= {
            key: value
            for key, value in vars(module).items()
            if isinstance(value, type)
            and issubclass(value, BaseEstimator)
            and value.__module__ == module.__name__
            and not key.startswith("_")
        }
    return found


def __getattr__(name: str) -> Any:
    if name.startswith("_") or name in registry.modules("tasks"):
        raise AttributeError(f"module 'isthmus.tasks' has no attribute {name!r}")
    found = _tasks()
    if name not in found:
        from isthmus.errors import nearest

        near = nearest(name, found)
        hint = f"; did you mean {near!r}?" if near else ""
        raise AttributeError(f"module 'isthmus.tasks' has no attribute {name!r}{hint}")
    return found[name]


def __dir__() -> list[str]:
    return sorted(_tasks())
