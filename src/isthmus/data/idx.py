"""IDX files, the format of MNIST: big-endian header, then the numbers."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.data.files import readable
from isthmus.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


def read_idx(path: Path) -> NDArray[Any]:
    """The array of an IDX file, gzipped or not, in native byte order.

    Raises InputError where the file cannot be read, DataError where it is damaged or no IDX file.
    Source: the format's description on Yann LeCun's MNIST page.
    """
    with readable(path):
        content = path.read_bytes()
    if content[:2] == b"\x1f\x8b":
        try:
            content = gzip.decompress(content)
        except (EOFError, OSError, zlib.error) as error:
            raise DataError(f"{path} is a damaged gzip file ({error}): fetch it anew.") from error
    if len(content) < 4 or content[:2] != b"\x00\x00" or content[2] not in _TYPES or not content[3]:
        raise DataError(
            f"{path} is no IDX file, its first bytes are {content[:4].hex() or 'missing'}: check the file."
        )
    start = 4 + 4 * content[3]
    if len(content) < start:
        raise DataError(f"{path} ends inside its header: fetch it anew.")
    shape = struct.unpack(f">{content[3]}I", content[4:start])
    kind = np.dtype(_TYPES[content[2]])
    expected = start + math.prod(shape) * kind.itemsize
    if len(content) != expected:
        raise DataError(
            f"{path} holds {len(content):,} bytes, its header promises {expected:,} (shape {shape}): fetch it anew."
        )
    array = np.frombuffer(content, dtype=kind, offset=start).reshape(shape)
    return array.astype(kind.newbyteorder("="), copy=False)
