"""Finds parts and recipes by listing folders, so that adding one is adding a file.

The noun is the folder (``penalties``), the adjective is the file (``l1.py``); every public class of a
family that a file defines is a part, known by its class name and, where it has one, by its ``alias``.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from isthmus.errors import ModelError, ParameterError, nearest

FAMILIES = (
    "architectures",
    "codes",
    "priors",
    "losses",
    "corruptions",
    "penalties",
    "training",
    "training.optimizers",
    "training.schedules",
    "training.initial",
)


def modules(folder: str) -> list[str]:
    """Names of the public modules in a folder of the package, sorted."""
    package = importlib.import_module(f"isthmus.{folder}")
    return sorted(
        info.name for info in pkgutil.iter_modules(package.__path__) if not info.name.startswith("_")
    )


@cache
def parts(folder: str) -> dict[str, type]:
    """Every concrete part of a family by class name."""
    found: dict[str, type] = {}
    for name in modules(folder):
        module = importlib.import_module(f"isthmus.{folder}.{name}")
        found |= {
            key: value for key, value in vars(module).items() if _is_part(key, value, folder, module.__name__)
        }
    return dict(sorted(found.items()))


def _is_part(key: str, value: Any, folder: str, module: str) -> bool:
    """True for a public concrete class of the family that the module itself defines."""
    return (
        isinstance(value, type)
        and getattr(value, "family", None) == folder
        and value.__module__ == module
        and not key.startswith("_")
        and not getattr(value, "__abstractmethods__", None)
    )


def named(folder: str, name: str) -> type:
    """The part called ``name`` by class name or alias, whatever the case; ParameterError with the nearest one."""
    known = parts(folder) | {
        alias: value for value in parts(folder).values() if (alias := getattr(value, "alias", ""))
    }
    folded = {key.casefold(): value for key, value in known.items()}
    if name.casefold() in folded:
        found: type = folded[name.casefold()]
        return found
    near = nearest(name, known)
    hint = f"did you mean {near!r}" if near else f"known are {', '.join(known)}"
    raise ParameterError(f"{name!r} is not one of the {folder}: {hint}.")


def type_name(cls: type, family: str) -> str:
    """How JSON names a class: ``penalties.L1`` inside isthmus, ``module:Class`` outside."""
    if cls.__module__.startswith("isthmus.") and family:
        return f"{family}.{cls.__name__}"
    return f"{cls.__module__}:{cls.__qualname__}"


def resolve(name: str, *, allow: Sequence[str] = ()) -> type:
    """The class that :func:`type_name` named. Foreign modules are imported only when ``allow`` has them.

    Raises ModelError for a module that is not allowed, ParameterError for an unknown part.
    """
    folder, _, key = name.rpartition(".")
    if ":" not in name and folder in FAMILIES:
        if key in parts(folder):
            return parts(folder)[key]
        raise ParameterError(f"{name!r} is not a part of this isthmus: it may need a newer version.")
    named_class: type = foreign(name, allow=allow)
    return named_class


def check_allowed(path: str, *, allow: Sequence[str]) -> None:
    """Raise ModelError unless ``path`` is ``package.module:name`` and ``allow`` names its module or one above."""
    module, _, attribute = path.partition(":")
    if not attribute or not all(
        piece.isidentifier() for piece in (*module.split("."), *attribute.split("."))
    ):
        raise ModelError(f"{path!r} does not name a class: write 'package.module:Class'.")
    if not any(module == name or module.startswith(f"{name}.") for name in allow):
        raise ModelError(
            f"the model names code in module {module!r}, which was not allowed, so nothing of it was run: "
            f"if you trust it, load with allow=({module!r},)."
        )


def foreign(path: str, *, allow: Sequence[str]) -> Any:
    """Import ``package.module:name`` when ``allow`` names the module or a package above it."""
    check_allowed(path, allow=allow)
    module, _, attribute = path.partition(":")
    try:
        value: Any = importlib.import_module(module)
        for piece in attribute.split("."):
            value = getattr(value, piece)
    except (ImportError, AttributeError) as error:
        raise ModelError(
            f"{path!r} cannot be imported ({error}): put its module on the Python path."
        ) from error
    return value


def lazy_package(folder: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` for a family's package: its parts by name, imported when first asked for."""

    def get(name: str) -> Any:
        if name.startswith("_") or name in modules(folder):
            raise AttributeError(f"module 'isthmus.{folder}' has no attribute {name!r}")
        if name in parts(folder):
            return parts(folder)[name]
        near = nearest(name, parts(folder))
        hint = f"; did you mean {near!r}?" if near else ""
        raise AttributeError(f"module 'isthmus.{folder}' has no attribute {name!r}{hint}")

    return get, lambda: sorted(parts(folder))
