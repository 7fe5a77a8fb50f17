"""Looks at where results shall go before any long work is done."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from isthmus.errors import OutputError


def check_model_output(path: Path, *, overwrite: bool) -> None:
    """Raise OutputError unless a model can be written to the folder ``path``.

    overwrite : whether a model that is there already may be replaced; nothing else ever is.
    """
    from isthmus.persistence.folder import is_model

    if os.path.lexists(path):
        if not path.is_dir():
            raise OutputError(f"{path} is a file, a model goes to a folder: choose another --out.")
        if any(path.iterdir()) and not is_model(path):
            raise OutputError(
                f"{path} is a folder but no isthmus model, so it is not replaced: choose another --out."
            )
        if not overwrite:
            raise OutputError(
                f"{path} exists already: choose another --out, or add --overwrite to replace it."
            )
    check_writable(path)


def check_writable(path: Path) -> None:
    """Raise OutputError unless something can be made at ``path``; folders above it may still be missing."""
    parent = path.absolute().parent
    while not os.path.lexists(parent):
        parent = parent.parent
    if not parent.is_dir():
        raise OutputError(f"{parent} is a file, so {path} cannot be written: choose another path.")
    try:
        with tempfile.TemporaryFile(dir=parent):
            pass
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written ({error.strerror or error}): choose another place, or change its permissions."
        ) from error


def check_report(path: Path, *, overwrite: bool) -> None:
    """Raise unless a report can be written to the file ``path``: OutputError, or MissingExtraError for matplotlib."""
    from isthmus.reports.svg import new_figure

    if path.suffix.lower() not in (".html", ".htm"):
        raise OutputError(
            f"{path} does not end in .html, which a report is: name it {path.with_suffix('.html')}."
        )
    if path.is_dir():
        raise OutputError(f"{path} is a folder, a report is a file: name a file in it.")
    if os.path.lexists(path) and not overwrite:
        raise OutputError(f"{path} exists already: choose another name, or add --overwrite to replace it.")
    check_writable(path)
    new_figure()
