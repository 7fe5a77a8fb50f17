"""A copy of streamed data in model space on disk, written once and read in random spans every epoch.

Decoding a file costs several times what reading plain numbers does, and every epoch would pay it again. The copy
is a file without a name in the scratch folder, gone with the training; it is read, not mapped, so the memory of
the process does not grow with it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from isthmus.data.readahead import read_ahead
from isthmus.errors import OutputError
from isthmus.types import Batch

if TYPE_CHECKING:
    from torch import Tensor

#: Neighbours that are read together, in bytes: the grain of the shuffle.
SPAN_BYTES = 1 << 16
#: Rows that are mixed perfectly, in bytes.
BUFFER_BYTES = 8 << 20
#: The copy is made only where so many times its size is free.
FREE_SHARE = 2


def scratch_folder() -> Path:
    """Where copies go: ``ISTHMUS_SCRATCH``, else the system's folder for temporary files."""
    return Path(os.environ.get("ISTHMUS_SCRATCH") or tempfile.gettempdir())


def has_room(size: int) -> bool:
    """True when the scratch folder lies on a disk, not in memory, with room for ``size`` bytes and as much again."""
    folder = scratch_folder()
    try:
        return not _in_memory(folder) and shutil.disk_usage(folder).free >= FREE_SHARE * size
    except OSError:
        return False


def _in_memory(folder: Path) -> bool:
    """True where the folder is on a file system that lives in memory."""
    try:
        lines = Path("/proc/mounts").read_text().splitlines()
    except OSError:
        return False
    mounts = {Path(fields[1]): fields[2] for fields in map(str.split, lines)}
    here = folder.resolve()
    nearest = next((place for place in (here, *here.parents) if place in mounts), None)
    return nearest is not None and mounts[nearest] in ("tmpfs", "ramfs")


class SpilledRows:
    """Rows (n, *event) float32 in a file without a name, in the order they were given.

    Raises OutputError where the disk is full; nothing is left of the file then.
    """

    def __init__(self, blocks: Iterator[Tensor], shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.row_bytes = 4 * int(np.prod(shape))
        self.n_rows = 0
        self._file = tempfile.TemporaryFile(dir=scratch_folder(), prefix="isthmus-")  # noqa: SIM115 - as long as we
        weakref.finalize(self, self._file.close)
        try:
            for block in blocks:
                self._file.write(block.contiguous().numpy().data)
                self.n_rows += len(block)
            self._file.flush()
        except OSError as error:
            self._file.close()
            raise OutputError(
                f"the copy of the data in {scratch_folder()} cannot be written ({error.strerror}): make room, name "
                f"another folder in ISTHMUS_SCRATCH, or set spill=False in Training."
            ) from error

    def read(self, start: int, stop: int, out: Tensor) -> None:
        """Rows start to stop into ``out`` (stop - start, *shape)."""
        view = memoryview(out.numpy().data).cast("B")
        done = 0
        while done < len(view):
            got = os.preadv(self._file.fileno(), [view[done:]], start * self.row_bytes + done)
            if not got:
                raise OutputError(f"the copy of the data in {scratch_folder()} was cut short: train anew.")
            done += got

    def in_order(self) -> Iterator[Batch]:
        """All rows, a buffer at a time."""
        size = max(1, BUFFER_BYTES // self.row_bytes)
        return read_ahead(
            self._spans([(start, min(start + size, self.n_rows))], None)
            for start in range(0, self.n_rows, size)
        )

    def shuffled(self, generator: torch.Generator, batch_size: int) -> Iterator[Batch]:
        """All rows once: spans of neighbours in random order, so many together mixed perfectly.

        Every buffer but the last is a whole number of batches.
        """
        span = max(1, SPAN_BYTES // self.row_bytes)
        count = -(-self.n_rows // span)
        spans = [
            (int(place) * span, min((int(place) + 1) * span, self.n_rows))
            for place in torch.randperm(count, generator=generator)
        ]
        wanted = max(1, BUFFER_BYTES // (self.row_bytes * batch_size)) * batch_size
        return read_ahead(self._spans(part, generator) for part in _parts(spans, wanted))

    def _spans(self, spans: list[tuple[int, int]], generator: torch.Generator | None) -> Batch:
        """The rows of some spans, mixed by the generator."""
        total = sum(stop - start for start, stop in spans)
        x, rows = torch.empty((total, *self.shape)), torch.empty(total, dtype=torch.int64)
        first = 0
        for start, stop in spans:
            after = first + stop - start
            self.read(start, stop, x[first:after])
            torch.arange(start, stop, out=rows[first:after])
            first = after
        if generator is None:
            return Batch(x, rows=rows)
        order = torch.randperm(total, generator=generator)
        return Batch(x.index_select(0, order), rows=rows.index_select(0, order))


def _parts(spans: list[tuple[int, int]], size: int) -> Iterator[list[tuple[int, int]]]:
    """Spans in groups of ``size`` rows exactly, one cut in two where it has to be; the last group may be smaller."""
    part: list[tuple[int, int]] = []
    room = size
    for start, stop in spans:
        while stop - start >= room:
            yield [*part, (start, start + room)]
            start, part, room = start + room, [], size
        if stop > start:
            part.append((start, stop))
            room -= stop - start
    if part:
        yield part
