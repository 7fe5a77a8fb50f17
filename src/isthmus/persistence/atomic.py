"""Whole or not at all: writing aside, forcing to disk, renaming into place.

What is being written lies in a hidden folder beside its target, ``.NAME.saving-XXXXXXXXXXXX``. Its writer
holds a lock on that folder which dies with the process, so the next writer of the same target can tell
a leftover of a killed process from the work of a living one, and removes only the former.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from isthmus.errors import OutputError

if sys.platform != "win32":
    import fcntl

_HINTS = {
    errno.ENOSPC: "the disk is full: free some space or choose another place",
    errno.EDQUOT: "the disk quota is used up: free some space or choose another place",
    errno.EFBIG: "the file would be larger than this system allows: choose another place",
    errno.EACCES: "permission is denied: choose a place that you may write to",
    errno.EPERM: "permission is denied: choose a place that you may write to",
    errno.EROFS: "the file system is read-only: choose another place",
    errno.ENOTDIR: "a part of the path is a file, not a folder: choose another path",
    errno.ENAMETOOLONG: "the name is too long: choose a shorter one",
}


@contextmanager
def new_file(path: str | os.PathLike[str], *, overwrite: bool = False) -> Iterator[Path]:
    """Hand out a path to write one file to; on leaving, put the file at ``path`` in one step.

    Parameters
    ----------
    path : where the file shall be. Folders above it are made. A symbolic link is followed.
    overwrite : whether an existing file may be replaced.

    Yields the path to write to (it does not exist yet). Whatever goes wrong, ``path`` holds either its old
    content or the whole new one, and nothing is left beside it.
    Raises: OutputError when ``path`` exists (without ``overwrite``), is a folder, or cannot be written.
    """
    with _aside(path) as (target, folder):
        if target.is_dir():
            raise OutputError(f"{path} is a folder, not a file: choose another path.")
        _refuse_existing(target, overwrite)
        written = folder / target.name
        yield written
        # Some writers make private files; give it the rights that any new file of this user has.
        written.chmod(folder.stat().st_mode & 0o666)
        _sync(written)
        _refuse_existing(target, overwrite)
        os.replace(written, target)
        _sync(target.parent)


@contextmanager
def new_folder(path: str | os.PathLike[str], *, overwrite: bool = False) -> Iterator[Path]:
    """Hand out an empty folder to fill with files; on leaving, put it at ``path`` in one step.

    Parameters
    ----------
    path : where the folder shall be. Folders above it are made. A symbolic link is followed.
    overwrite : whether an existing folder may be replaced, with all that is in it. Old and new are
        exchanged in one step where the system can do that (Linux, macOS), so at no moment there is neither;
        elsewhere the old one is moved aside first and put back if the second move fails.

    Yields the folder to fill. Whatever goes wrong, ``path`` is what it was before.
    Raises: OutputError when ``path`` exists (without ``overwrite``), is a file, or cannot be written.
    """
    with _aside(path) as (target, folder):
        if target.exists() and not target.is_dir():
            raise OutputError(f"{path} is a file, not a folder: choose another path.")
        _refuse_existing(target, overwrite)
        filled = folder / "new"
        filled.mkdir()
        yield filled
        for file in sorted(filled.rglob("*")):
            if not file.is_dir():
                file.chmod(filled.stat().st_mode & 0o666)
            _sync(file)
        _sync(filled)
        if os.path.lexists(target):
            _refuse_existing(target, overwrite)
            _exchange(filled, target, folder / "old")
        else:
            os.rename(filled, target)
        _sync(target.parent)


def write_bytes(path: str | os.PathLike[str], content: bytes, *, overwrite: bool = False) -> None:
    """Write ``content`` to the file ``path``, whole or not at all. Raises: OutputError as :func:`new_file`."""
    with new_file(path, overwrite=overwrite) as written:
        written.write_bytes(content)


@contextmanager
def _aside(path: str | os.PathLike[str]) -> Iterator[tuple[Path, Path]]:
    """The real target and a locked working folder beside it, removed at the end; OSErrors become sentences."""
    target = Path(os.path.realpath(path))
    made: list[Path] = []
    try:
        made = _make_parents(target)
        _remove_leftovers(target)
        folder = target.with_name(f".{target.name}.saving-{secrets.token_hex(6)}")
        folder.mkdir()
        lock = _lock(folder)
        try:
            yield target, folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            if lock is not None:
                os.close(lock)
    except BaseException as error:
        for parent in reversed(made):
            with suppress(OSError):
                parent.rmdir()
        problem = _system_error(error)
        if problem is None:
            raise
        raise OutputError(f"{path} cannot be written: {_hint(problem)}.") from error


def _system_error(error: BaseException) -> OSError | None:
    """The operating system's error in ``error``; safetensors gives it as text only."""
    if isinstance(error, OSError) and not isinstance(error, OutputError):
        return error
    found = (
        re.search(r"\(os error (\d+)\)", str(error)) if type(error).__name__ == "SafetensorError" else None
    )
    return OSError(int(found[1]), os.strerror(int(found[1]))) if found else None


def _hint(error: OSError) -> str:
    return _HINTS.get(error.errno or 0, f"{error.strerror or error}: choose another place")


def _refuse_existing(target: Path, overwrite: bool) -> None:
    if os.path.lexists(target) and not overwrite:
        raise OutputError(f"{target} exists already: choose another path, or ask for it to be overwritten.")


def _make_parents(target: Path) -> list[Path]:
    """Make the folders above ``target``; those that were missing, topmost first."""
    missing = [parent for parent in target.parents if not parent.exists()]
    missing.reverse()
    for parent in missing:
        parent.mkdir(exist_ok=True)
    return missing


def _remove_leftovers(target: Path) -> None:
    """Remove what killed writers of ``target`` left behind; what a living one holds is locked."""
    if sys.platform == "win32":
        return
    for entry in list(os.scandir(target.parent)):
        if entry.name.startswith(f".{target.name}.saving-") and entry.is_dir(follow_symlinks=False):
            with suppress(OSError):
                lock = _lock(Path(entry.path))
                shutil.rmtree(entry.path, ignore_errors=True)
                if lock is not None:
                    os.close(lock)


def _lock(folder: Path) -> int | None:
    """Lock a folder until the descriptor is closed or the process ends; BlockingIOError when another holds it."""
    if sys.platform == "win32":
        return None
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if error.errno in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
            return None
        raise
    return descriptor


def _sync(path: Path) -> None:
    """Force a file or a folder's entries to disk."""
    if sys.platform == "win32" and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDWR if sys.platform == "win32" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _exchange(new: Path, target: Path, old: Path) -> None:
    """Put ``new`` at ``target``; what was there ends up at ``new`` or ``old``."""
    if _exchange_at_once(new, target):
        return
    os.rename(target, old)
    try:
        os.rename(new, target)
    except BaseException:
        os.rename(old, target)
        raise


def _exchange_at_once(first: Path, second: Path) -> bool:
    """Exchange two paths in one system call; False where the system or the file system cannot."""
    if sys.platform == "win32":
        return False
    names = (os.fsencode(first), os.fsencode(second))
    here, exchange = (
        -100,
        ctypes.c_uint(2),
    )  # AT_FDCWD, RENAME_EXCHANGE of Linux; RENAME_SWAP of macOS is 2, too
    library = ctypes.CDLL(None, use_errno=True)
    if hasattr(library, "renameat2"):
        return bool(library.renameat2(here, names[0], here, names[1], exchange) == 0)
    if hasattr(library, "renamex_np"):
        return bool(library.renamex_np(*names, exchange) == 0)
    return False
