"""A hash of a whole file inside the file itself, so that one flipped byte anywhere in it is noticed.

The first 64 hexadecimal digits near the beginning of a sealed file are the SHA-256 of the file with
those digits replaced by zeros. A seal shows damage; it is no signature, since anybody can compute one.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

BLANK = "0" * 64
_DIGITS = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_BEGINNING = 512
_BLOCK = 1 << 20


def sha256(path: Path, *, blank: int | None = None) -> str:
    """SHA-256 of a file in constant memory, as 64 digits.

    Parameters
    ----------
    path : the file.
    blank : position of 64 bytes that count as zeros (digits ``0``), or None.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        first = file.read(_BLOCK)
        if blank is not None:
            first = first[:blank] + BLANK.encode() + first[blank + len(BLANK) :]
        digest.update(first)
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def seal(path: Path) -> None:
    """Replace the :data:`BLANK` at the beginning of a file by its seal, in place."""
    position = _position(path)
    if position is None:
        raise ValueError(f"{path} has no place for a seal")
    digits = sha256(path, blank=position)
    with path.open("r+b") as file:
        file.seek(position, os.SEEK_SET)
        file.write(digits.encode())


def is_intact(path: Path) -> bool:
    """Whether a sealed file is as it was when it was sealed."""
    position = _position(path)
    if position is None:
        return False
    with path.open("rb") as file:
        file.seek(position, os.SEEK_SET)
        return file.read(len(BLANK)).decode() == sha256(path, blank=position)


def _position(path: Path) -> int | None:
    with path.open("rb") as file:
        found = _DIGITS.search(file.read(_BEGINNING))
    return found.start() if found else None
