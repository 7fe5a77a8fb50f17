"""Changes of parts as lines that can be copied: of Python, and of the command line."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from isthmus.spec import Spec


def python_lines(patch: Mapping[str, Any]) -> str:
    """The imports that a patch needs, and the line that applies it; nothing for no patch.

    >>> python_lines({"training__learning_rate": 0.00030000000000000003})
    'ae.set_params(training__learning_rate=0.0003)'
    """
    if not patch:
        return ""
    arguments = ", ".join(f"{name}={plain(value)!r}" for name, value in patch.items())
    classes = sorted({type(part) for value in patch.values() for part in _parts(value)}, key=_home)
    needed = [_home(part) for part in classes if f"{part.__name__}(" in arguments]
    imports = [f"from {package} import {name}" for package, name in needed]
    return "\n".join([*imports, f"ae.set_params({arguments})"])


def settings(patch: Mapping[str, Any]) -> str:
    """A patch as options of ``isthmus fit``.

    >>> settings({"training__learning_rate": 0.001, "architecture__hidden": (64, 32)})
    "--set training.learning_rate=0.001 --set 'architecture.hidden=(64, 32)'"
    """
    return " ".join(
        "--set " + shlex.quote(f"{name.replace('__', '.')}={_bare(plain(value))}")
        for name, value in patch.items()
    )


def plain(value: Any) -> Any:
    """Python's own numbers, without the digits that only rounding left behind; all else as it is."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, tuple | list):
        return type(value)(plain(item) for item in value)
    return value


def _bare(value: Any) -> str:
    return value if isinstance(value, str) else repr(value)


def _home(part: type) -> tuple[str, str]:
    """The package that shows a part to users, and the part's name."""
    return ".".join(part.__module__.split(".")[:2]), part.__name__


def _parts(value: Any) -> Iterator[Spec]:
    """Every part in a value, those inside parts too."""
    if isinstance(value, Spec):
        yield value
        for field in dataclasses.fields(value):
            yield from _parts(getattr(value, field.name))
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _parts(item)
