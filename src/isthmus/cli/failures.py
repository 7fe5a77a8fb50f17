"""What the command line answers when something goes wrong: one line and an exit status, never a traceback."""

from __future__ import annotations

import errno
import os
import sys
import tempfile
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from isthmus.cli.messages import note, one_line, say
from isthmus.errors import IsthmusError

#: ILL is the status of a diagnosis with a failure where a gate was asked for.
DONE, FAULT, REFUSED, ILL, INTERRUPTED = 0, 1, 2, 3, 130


def answer(error: BaseException, *, debug: bool) -> int:
    """Say what went wrong in one line; returns the exit status.

    2 for what the caller can cure, 130 for an interruption, 1 for a fault of isthmus, whose traceback goes to a
    file, or to standard error with ``debug``.
    """
    if isinstance(error, BrokenPipeError):
        _close_output()
        return DONE
    if isinstance(error, KeyboardInterrupt):
        say(str(error) or "interrupted.")
        return INTERRUPTED
    known = _sentence(error)
    if known is None:
        _confess(error, debug=debug)
        return FAULT
    if debug:
        traceback.print_exception(error)
    say(known)
    return REFUSED


def _sentence(error: BaseException) -> str | None:
    """The one line about an error that the caller can cure; None for any other."""
    text = one_line(error)
    if isinstance(error, IsthmusError):
        return text
    memory = (
        "not enough memory: use a smaller training.batch_size or smaller layers, or close other programs."
    )
    if isinstance(error, MemoryError) or type(error).__name__ in ("OutOfMemoryError", "ArrowMemoryError"):
        return memory
    if isinstance(error, RuntimeError) and ("can't allocate memory" in text or "out of memory" in text):
        return memory
    if isinstance(error, OSError) and error.errno is not None:
        if error.errno == errno.ENOSPC:
            _close_output()
            where = error.filename or "the output"
            return f"{where} cannot be written, the disk is full: free some space or choose another place."
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or text}: check the path, its permissions and the disk."
    return None


def _confess(error: BaseException, *, debug: bool) -> None:
    what = one_line(f"{type(error).__name__}: {error}")[:300]
    if debug:
        traceback.print_exception(error)
        say(f"this is a fault of isthmus, not yours ({what}): please report it with the lines above.")
        return
    where = "run it again with --debug to see where"
    with (
        suppress(OSError),
        tempfile.NamedTemporaryFile(
            "w", prefix="isthmus-", suffix=".txt", delete=False, encoding="utf-8", errors="replace"
        ) as file,
    ):
        traceback.print_exception(error, file=file)
        where = f"the details are in {file.name}"
    say(f"this is a fault of isthmus, not yours ({what}): {where}, please report it.")


def _close_output() -> None:
    """Let what is still buffered go nowhere, so that Python does not complain about it at its end."""
    with suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


@contextmanager
def plain_warnings() -> Iterator[None]:
    """Inside, a warning is one line on standard error, once each; those for programmers are left out."""
    said: set[str] = set()

    def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        text = one_line(message)
        if text not in said:
            said.add(text)
            note(text)

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        for category in (
            DeprecationWarning,
            PendingDeprecationWarning,
            FutureWarning,
            ResourceWarning,
            ImportWarning,
        ):
            warnings.simplefilter("ignore", category)
        warnings.showwarning = show
        yield
