"""What makes a function a recipe."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, cast

from isthmus.errors import ParameterError, nearest
from isthmus.estimator import Autoencoder

P = ParamSpec("P")


def recipe(*, reference: str) -> Callable[[Callable[P, Autoencoder]], Callable[P, Autoencoder]]:
    """Mark a function as the recipe of its name.

    Parameters
    ----------
    reference : paper, section and equation that the recipe follows, shown by ``isthmus recipes``.

    The function gains ``reference`` and ``fields``, and refuses unknown fields with the nearest name.
    """

    def mark(function: Callable[P, Autoencoder]) -> Callable[P, Autoencoder]:
        known = inspect.signature(function).parameters

        @functools.wraps(function)
        def compose(*args: P.args, **kwargs: P.kwargs) -> Autoencoder:
            problems = [
                _unknown(function.__name__, name, list(known)) for name in kwargs if name not in known
            ]
            if problems:
                raise ParameterError(" ".join(problems))
            try:
                inspect.signature(function).bind(*args, **kwargs)
            except TypeError as error:
                raise ParameterError(
                    f"recipe {function.__name__} takes no such arguments: {error}."
                ) from error
            return function(*args, **kwargs)

        marked = cast(Any, compose)
        marked.reference = reference
        marked.fields = functools.partial(_fields, function)
        return cast("Callable[P, Autoencoder]", compose)

    return mark


def _fields(function: Callable[..., Any]) -> dict[str, Any]:
    """Defaults of a recipe's fields by name."""
    return {name: parameter.default for name, parameter in inspect.signature(function).parameters.items()}


def _unknown(name: str, field: str, known: list[str]) -> str:
    near = nearest(field, known)
    hint = f"did you mean {near!r}" if near else f"it has {', '.join(known)}"
    return f"recipe {name} has no field {field!r}: {hint}; other settings go to set_params, or --set part.field=value."
