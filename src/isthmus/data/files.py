"""Opening files: every fault of the file system as one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from isthmus.errors import InputError


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turns faults of the file system while ``path`` is read into InputError."""
    try:
        yield
    except InputError:
        raise
    except FileNotFoundError as error:
        raise missing(path) from error
    except IsADirectoryError as error:
        raise InputError(f"{path} is a folder, a file is needed: name a file in it.") from error
    except PermissionError as error:
        raise InputError(f"{path} may not be read: change its permissions, or copy it.") from error


def missing(path: Path) -> InputError:
    """The error about a path that does not exist, with the nearest name in its folder."""
    from isthmus.errors import nearest

    parent = path.parent
    if not parent.is_dir():
        return InputError(f"{path} does not exist, nor does its folder {parent}: check the path.")
    near = nearest(path.name, sorted(entry.name for entry in parent.iterdir()))
    return InputError(
        f"{path} does not exist: " + (f"did you mean {parent / near}?" if near else "check the path.")
    )


def check_file(path: Path) -> None:
    """Raise InputError unless ``path`` is a file with something in it."""
    with readable(path):
        if not path.exists():
            raise missing(path)
        if path.is_dir():
            raise InputError(f"{path} is a folder, a file is needed: name a file in it.")
        if path.stat().st_size == 0:
            raise InputError(f"{path} is empty (0 bytes): check how it was made.")
        with path.open("rb"):
            pass
