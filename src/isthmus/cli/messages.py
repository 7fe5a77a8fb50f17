"""What the command line says: results on standard output, everything else on standard error, a line each."""

from __future__ import annotations

import json
import math
import os
import sys
from typing import Any


def speaks() -> bool:
    """Whether this process is the one that speaks and saves: of several started by torchrun only the first."""
    return os.environ.get("RANK", "0") == "0"


def one_line(text: object) -> str:
    """``text`` with all its white space, line ends included, as single spaces."""
    return " ".join(str(text).split())


def say(text: object) -> None:
    """One line ``isthmus: text`` on standard error."""
    if speaks():
        _write(sys.stderr, f"isthmus: {one_line(text)}\n")


def note(text: object) -> None:
    """One line about something that is no error."""
    say(f"note: {one_line(text)}")


def tell(text: str) -> None:
    """Progress: ``text`` as it is, with a line end, on standard error."""
    if speaks():
        _write(sys.stderr, f"{text}\n")


def show(text: str) -> None:
    """A result for people, on standard output."""
    if speaks():
        _write(sys.stdout, f"{text}\n")


def show_json(document: Any) -> None:
    """A result for programs: one JSON document on standard output, never NaN."""
    show(json.dumps(plain(document), indent=2, allow_nan=False, ensure_ascii=False))


def plain(value: Any) -> Any:
    """``value`` with tuples as lists and numbers that JSON does not know as None."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def counted(count: int, noun: str) -> str:
    """``1 epoch``, ``2 epochs``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _write(stream: Any, text: str) -> None:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    stream.write(text.encode(encoding, errors="replace").decode(encoding))
    stream.flush()
