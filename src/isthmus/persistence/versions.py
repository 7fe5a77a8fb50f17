"""Format versions and the way from each to the next."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from importlib import metadata
from typing import TYPE_CHECKING, Any

from isthmus.errors import ModelError
from isthmus.version import __version__

if TYPE_CHECKING:
    from torch import Tensor

    Content = tuple[dict[str, Any], dict[str, Tensor]]

MODEL_FORMAT = 1
CHECKPOINT_FORMAT = 1

# {n: what turns the content of format n into that of format n + 1}. Models of every format since 1 are read.
MODEL_MIGRATIONS: Mapping[int, Callable[[dict[str, Any], dict[str, Tensor]], Content]] = {}


def written_by() -> dict[str, str]:
    """Versions of what writes a file, for its reader's information."""
    return {"isthmus": __version__, "torch": _version("torch"), "python": platform.python_version()}


def check_format(
    found: Any, known: int, *, what: str, wrote: Any, error: type[ModelError] = ModelError
) -> None:
    """Refuse a format that is no number or newer than this version knows.

    Parameters
    ----------
    found : the format that was read.
    known : the newest format that can be read.
    what : what it is the format of, for the sentence.
    wrote : version of isthmus that wrote it.
    error : class of the error that is raised.
    """
    if not isinstance(found, int) or isinstance(found, bool) or found < 1:
        raise error(f"{what} is damaged: its format is {found!r}, not a number from 1: copy it anew.")
    if found > known:
        raise error(
            f"{what} has format {found}, written by isthmus {wrote}, and this isthmus ({__version__}) "
            f"reads formats up to {known}: install a newer isthmus."
        )


def migrated(document: dict[str, Any], tensors: dict[str, Tensor], *, found: int) -> Content:
    """A model's content of format ``found`` in the newest format."""
    for step in range(found, MODEL_FORMAT):
        document, tensors = MODEL_MIGRATIONS[step](document, tensors)
    return document, tensors


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "0 (not installed)"
