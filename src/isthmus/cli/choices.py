"""What the user chose on the command line and in a configuration file."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from isthmus.errors import InputError, ParameterError


@dataclass
class Choices:
    """What the user chose about a model; None where nothing was said.

    The first group may stand in a configuration file under the same names; ``parts`` are what the file says about
    parts and recipe fields, ``settings`` the texts of ``--set``.
    """

    recipe: str | None = None
    code_size: int | None = None
    hidden: Any = None
    loss: Any = None
    epochs: int | None = None
    seed: int | None = None
    device: str | None = None
    validation: str | None = None
    target: str | None = None
    drop: Sequence[str] | None = None
    checkpoint_every: float | None = None
    parts: dict[str, Any] = field(default_factory=dict)
    settings: Sequence[str] = ()
    from_file: frozenset[str] = frozenset()


FILE_TYPES: dict[str, tuple[type, ...]] = {
    "recipe": (str,),
    "code_size": (int,),
    "hidden": (list, int, str),
    "loss": (str, dict),
    "epochs": (int,),
    "seed": (int,),
    "device": (str,),
    "validation": (str,),
    "target": (str, int),
    "drop": (list,),
    "checkpoint_every": (int, float),
}


def with_file(choices: Choices, path: Path) -> Choices:
    """``choices`` completed by a TOML file; what the command line says wins.

    Raises InputError when the file cannot be read, ParameterError when it is no TOML or holds values of wrong types.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"the configuration {path} cannot be read ({error.strerror}): check the path."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ParameterError(f"the configuration {path} is no TOML ({error}): mend it there.") from error
    found: dict[str, Any] = {}
    parts: dict[str, Any] = {}
    problems = []
    for key, value in document.items():
        name = key.replace("-", "_")
        if name not in FILE_TYPES:
            parts[name] = value
        elif isinstance(value, bool) or not isinstance(value, FILE_TYPES[name]):
            kinds = " or ".join(kind.__name__ for kind in FILE_TYPES[name])
            problems.append(f"{key} in {path} must be {kinds}, got {value!r}.")
        else:
            found[name] = str(value) if name == "target" else value
    if problems:
        raise ParameterError(" ".join(problems))
    unsaid = {name: value for name, value in found.items() if getattr(choices, name) is None}
    return dataclasses.replace(choices, parts=parts, from_file=frozenset(unsaid), **unsaid)
