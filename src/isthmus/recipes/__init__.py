"""Named autoencoders: one file a recipe, a function of the file's name that returns an Autoencoder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from isthmus import registry

__all__ = ["get", "names"]


def names() -> list[str]:
    """The names of all recipes, sorted. Found by listing this folder; nothing heavy is imported."""
    return registry.modules("recipes")


def get(name: str) -> Callable[..., Any]:
    """The recipe called ``name``: a function with ``reference`` and ``fields()``.

    Raises ParameterError for an unknown name, with the nearest one.
    """
    import importlib

    from isthmus.errors import ParameterError, nearest

    wanted = name.replace("-", "_")
    if wanted not in names():
        near = nearest(wanted, names())
        hint = f"did you mean {near!r}" if near else f"known are {', '.join(names())}"
        raise ParameterError(f"{name!r} is no recipe: {hint}.")
    recipe: Callable[..., Any] = getattr(importlib.import_module(f"isthmus.recipes.{wanted}"), wanted)
    # The import has put the module where attribute access would find it; the recipe goes there instead.
    globals()[wanted] = recipe
    return recipe


def __getattr__(name: str) -> Any:
    from isthmus.errors import ParameterError

    if name.startswith("_"):
        raise AttributeError(f"module 'isthmus.recipes' has no attribute {name!r}")
    try:
        return get(name)
    except ParameterError as error:
        raise AttributeError(str(error)) from error


def __dir__() -> list[str]:
    return sorted([*__all__, *names()])
