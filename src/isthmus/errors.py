"""Everything isthmus raises on purpose.

Each error has a stable ``code``, and also inherits the built-in exception a caller would expect,
so ``except ValueError`` keeps working. Messages have one shape, made by :func:`sentence`:
what, of whom, the rule, what came, one way out.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import ClassVar


class IsthmusError(Exception):
    """Base of all errors that the caller can cure; the command line answers them with exit status 2."""

    code: ClassVar[str] = "isthmus"


class ParameterError(IsthmusError, ValueError):
    """A part, a recipe or an option was given a value it cannot have."""

    code = "parameter"


class DataError(IsthmusError, ValueError):
    """The data cannot be read, or cannot be what the caller says they are."""

    code = "data"


class SchemaError(DataError):
    """The data do not fit the schema that a model was trained on."""

    code = "schema"


class InputError(IsthmusError, OSError):
    """A file or folder that should be read is missing, unreadable or of another kind."""

    code = "input"


class OutputError(IsthmusError, OSError):
    """A file or folder that should be written cannot be."""

    code = "output"


class ModelError(IsthmusError, ValueError):
    """A saved model is damaged, foreign, too new, or names code that was not allowed."""

    code = "model"


class CheckpointError(ModelError):
    """A checkpoint is damaged or belongs to another training."""

    code = "checkpoint"


class NonFiniteError(IsthmusError, FloatingPointError):
    """A training met NaN or infinity; the last good weights were kept.

    ``outcome`` is what was trained until then, None when no epoch was finished.
    """

    code = "non-finite"
    outcome: object | None = None


class MissingExtraError(IsthmusError, ImportError):
    """A feature needs a package that is not installed; the message holds the line that installs it."""

    code = "missing-extra"


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like ``name``, capitals or not, or None when nothing is near."""
    names = {one.casefold(): one for one in known}
    found = get_close_matches(name.casefold(), list(names), n=1, cutoff=0.5)
    return names[found[0]] if found else None


def sentence(what: str, rule: str, got: object, way_out: str = "") -> str:
    """One sentence: ``what`` must be ``rule``, got ``got``: ``way_out``.

    >>> sentence("rate of Masking", "in [0, 1)", 1.5, "a rate of 1 leaves nothing to encode")
    'rate of Masking must be in [0, 1), got 1.5: a rate of 1 leaves nothing to encode.'
    """
    shown = repr(got)
    if len(shown) > 80:
        shown = shown[:77] + "..."
    tail = f": {way_out}" if way_out else ""
    return f"{what} must be {rule}, got {shown}{tail}."
