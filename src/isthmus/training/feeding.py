"""Feeds: rows in model space, batch by batch, in an order that a seed and an epoch's number decide.

Data that fit in memory are one contiguous tensor and batches are slices of it: no call per row. Others are
gathered or streamed block by block in constant memory. Every row is fed exactly once an epoch; the last batch
may be smaller and is never dropped.
"""

from __future__ import annotations

import hashlib
import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from isthmus.data.memory import budget_bytes
from isthmus.data.readahead import read_ahead
from isthmus.training.spilling import SpilledRows, has_room
from isthmus.types import Batch

if TYPE_CHECKING:
    from isthmus.data.rows import Rows
    from isthmus.data.source import Source
    from isthmus.data.transform import Transform

#: Rows transformed at a time where data are streamed: so many that a call per block costs nothing, and of wide
#: rows no more than the bytes allow.
BLOCK_ROWS = 16_384
BLOCK_BYTES = 64 << 20
#: Rows that a data set is known by.
DIGEST_ROWS = 256
#: Bytes of a shuffled chunk in memory: batches are views of it, so one gather serves many steps.
CHUNK_BYTES = 32 << 20


def block_rows(event_size: int) -> int:
    """Rows of a block of data whose samples have ``event_size`` numbers."""
    return max(1, min(BLOCK_ROWS, BLOCK_BYTES // (4 * max(1, event_size))))


def epoch_generator(seed: int, epoch: int) -> torch.Generator:
    """The generator that shuffles an epoch; a function of the two numbers only, so a resumed epoch is the same."""
    mixed = np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(mixed >> np.uint64(1)))


class Feed(ABC):
    """Batches of one data set.

    ``batch_size`` is that of the global batch; every process is fed all of it and cuts its own rows.
    """

    def __init__(self, n_rows: int, *, batch_size: int, shuffle: bool, seed: int) -> None:
        self.n_rows = n_rows
        self.batch_size = min(batch_size, n_rows)
        self.shuffle = shuffle
        self.seed = seed

    @property
    def steps(self) -> int:
        """Batches an epoch."""
        return -(-self.n_rows // self.batch_size)

    @abstractmethod
    def epoch(self, number: int, *, skip: int = 0) -> Iterator[Batch]:
        """The batches of epoch ``number``, without the first ``skip``."""

    @abstractmethod
    def in_order(self, batch_size: int) -> Iterator[Batch]:
        """All rows in the order of the data."""

    @abstractmethod
    def to(self, device: torch.device) -> None:
        """Hand out batches on ``device`` from now on."""

    def digest(self) -> str:
        """A hash of the first rows, by which a checkpoint knows its data again."""
        first = next(iter(self.in_order(DIGEST_ROWS)))
        known = b"" if first.mask is None else first.mask.cpu().numpy().tobytes()
        return hashlib.sha256(first.x.cpu().numpy().tobytes() + known).hexdigest()

    def sample(self, rows: int) -> Batch:
        """The first ``rows`` rows of epoch 0, for initial weights that look at data."""
        collected: list[Batch] = []
        for batch in self.epoch(0):
            collected.append(batch)
            if sum(map(len, collected)) >= rows:
                break
        return _cut(_joined(collected), 0, rows)


class MemoryFeed(Feed):
    """Rows held as one tensor on the device."""

    def __init__(self, data: Batch, *, batch_size: int, shuffle: bool, seed: int) -> None:
        super().__init__(len(data), batch_size=batch_size, shuffle=shuffle, seed=seed)
        self.data = data

    def to(self, device: torch.device) -> None:
        self.data = _to(self.data, device)

    def epoch(self, number: int, *, skip: int = 0) -> Iterator[Batch]:
        if not self.shuffle:
            yield from self.slices(self.data, self.batch_size, skip * self.batch_size)
            return
        order = torch.randperm(self.n_rows, generator=epoch_generator(self.seed, number))
        row_bytes = max(1, self.data.x[:1].numel() * 4)
        batches = max(1, CHUNK_BYTES // (row_bytes * self.batch_size))
        chunk = batches * self.batch_size
        order = order.to(self.data.x.device)
        # Whole chunks, so that a batch lies at the same place in memory whether or not others were skipped:
        # matrix products may round differently at another alignment.
        for first in range(skip // batches * chunk, len(order), chunk):
            gathered = _gathered(self.data, order[first : first + chunk])
            yield from self.slices(gathered, self.batch_size, max(0, skip * self.batch_size - first))

    def in_order(self, batch_size: int) -> Iterator[Batch]:
        return self.slices(self.data, batch_size)

    @staticmethod
    def slices(data: Batch, size: int, first: int = 0) -> Iterator[Batch]:
        """Views of ``size`` rows each, cut all at once: a call per batch would cost more than a small step."""
        if first >= len(data):  # splitting no rows would give one batch of none
            return
        columns = [
            itertools.repeat(None) if value is None else value[first:].split(size)
            for value in vars(data).values()
        ]
        for values in zip(*columns, strict=False):
            yield Batch(*values)


class PiecewiseFeed(Feed):
    """Rows of a source that are never in memory all at once."""

    def __init__(
        self,
        source: Source,
        transform: Transform,
        *,
        labels: Tensor | None,
        batch_size: int,
        shuffle: bool,
        seed: int,
    ) -> None:
        super().__init__(source.n_rows, batch_size=batch_size, shuffle=shuffle, seed=seed)
        self.source = source
        self.transform = transform
        self.labels = labels
        self.device = torch.device("cpu")
        self.prepare()

    def prepare(self) -> None:
        """What is done once, before the first epoch."""

    def to(self, device: torch.device) -> None:
        self.device = device

    @staticmethod
    def rebatched(blocks: Iterator[Batch], size: int) -> Iterator[Batch]:
        """Blocks of any length as batches of ``size``; what is left of a block joins the next."""
        rest: list[Batch] = []
        for block in blocks:
            if rest:
                block, rest = _joined([*rest, block]), []
            whole = len(block) - len(block) % size
            yield from MemoryFeed.slices(_cut(block, 0, whole), size)
            if whole < len(block):
                rest = [_cut(block, whole, len(block))]
        for block in rest:
            yield block


class SourceFeed(PiecewiseFeed):
    """Rows read from a source as they are needed: gathered where it has random access, else streamed."""

    def epoch(self, number: int, *, skip: int = 0) -> Iterator[Batch]:
        return itertools.islice(
            self.rebatched(self._ahead(self._blocks(number)), self.batch_size), skip, None
        )

    def in_order(self, batch_size: int) -> Iterator[Batch]:
        blocks = self.source.blocks(min(max(batch_size, 1), block_rows(self.transform.event.size)))
        return self.rebatched(self._ahead(blocks), batch_size)

    def _ahead(self, blocks: Iterator[Rows]) -> Iterator[Batch]:
        """Blocks in model space; gathered and densified on a second thread. Streams read ahead by themselves."""
        batches = (self._transformed(rows) for rows in blocks)
        return read_ahead(batches) if self.source.random_access else batches

    def _blocks(self, epoch: int) -> Iterator[Rows]:
        """Blocks of the epoch's order, each a whole number of batches where a batch is small."""
        size = max(1, block_rows(self.transform.event.size) // self.batch_size) * self.batch_size
        if not self.shuffle:
            return self.source.blocks(size)
        generator = epoch_generator(self.seed, epoch)
        if not self.source.random_access:
            seed = int(torch.randint(2**62, (), generator=generator))
            return self.source.shuffled(size, seed=seed)
        order = torch.randperm(self.n_rows, generator=generator).numpy()
        return (self.source.take(order[start : start + size]) for start in range(0, self.n_rows, size))

    def _transformed(self, rows: Rows) -> Batch:
        x, mask = self.transform.forward(rows)
        index = torch.from_numpy(np.asarray(rows.index, dtype=np.int64))
        labels = None if self.labels is None else self.labels[index]
        return _to(Batch(x, mask, labels, index), self.device)


class SpilledFeed(PiecewiseFeed):
    """Rows of a stream, copied once to disk in model space."""

    def prepare(self) -> None:
        blocks = self.source.blocks(block_rows(self.transform.event.size))
        rows = (self.transform.forward(block)[0] for block in blocks)
        self.spilled = SpilledRows(rows, self.transform.event.shape)

    def epoch(self, number: int, *, skip: int = 0) -> Iterator[Batch]:
        generator = epoch_generator(self.seed, number)
        buffers = (
            self.spilled.shuffled(generator, self.batch_size) if self.shuffle else self.spilled.in_order()
        )
        return itertools.islice(self.rebatched(map(self._labelled, buffers), self.batch_size), skip, None)

    def in_order(self, batch_size: int) -> Iterator[Batch]:
        return self.rebatched(map(self._labelled, self.spilled.in_order()), batch_size)

    def _labelled(self, batch: Batch) -> Batch:
        if self.labels is not None and batch.rows is not None:
            batch.labels = self.labels[batch.rows]
        return _to(batch, self.device)


def open_feed(
    source: Source,
    transform: Transform,
    *,
    labels: Tensor | None = None,
    batch_size: int,
    shuffle: bool = True,
    seed: int = 0,
    spill: bool = False,
) -> Feed:
    """The fastest feed that the memory allows.

    Dense data are loaded whole when they take no more than :func:`isthmus.data.memory.budget_bytes`; sparse
    matrices are never densified whole. With ``spill``, streams without unknown entries are copied to disk once
    where there is room, see :mod:`isthmus.training.spilling`.
    """
    if source.schema.kind != "sparse" and source.dense_bytes <= budget_bytes():
        data = _loaded(source, transform, labels)
        return MemoryFeed(data, batch_size=batch_size, shuffle=shuffle, seed=seed)
    if spill and not source.random_access and not transform.masked and has_room(source.dense_bytes):
        return SpilledFeed(
            source, transform, labels=labels, batch_size=batch_size, shuffle=shuffle, seed=seed
        )
    return SourceFeed(source, transform, labels=labels, batch_size=batch_size, shuffle=shuffle, seed=seed)


def _loaded(source: Source, transform: Transform, labels: Tensor | None) -> Batch:
    """The whole source in model space, written block by block into one tensor."""
    x = torch.empty((source.n_rows, *transform.event.shape))
    index = torch.empty(source.n_rows, dtype=torch.int64)
    mask: Tensor | None = None
    first = 0
    for rows in source.blocks(block_rows(transform.event.size)):
        here = slice(first, first + len(rows))
        x[here], known = transform.forward(rows)
        index[here] = torch.from_numpy(np.asarray(rows.index, dtype=np.int64))
        if known is not None and mask is None:
            mask = torch.ones(x.shape, dtype=torch.bool)
        if known is not None and mask is not None:
            mask[here] = known
        first += len(rows)
    return Batch(x, mask, None if labels is None else labels[index], index)


def _cut(data: Batch, start: int, stop: int) -> Batch:
    return Batch(
        data.x[start:stop],
        None if data.mask is None else data.mask[start:stop],
        None if data.labels is None else data.labels[start:stop],
        None if data.rows is None else data.rows[start:stop],
    )


def _gathered(data: Batch, index: Tensor) -> Batch:
    return Batch(
        data.x.index_select(0, index),
        None if data.mask is None else data.mask.index_select(0, index),
        None if data.labels is None else data.labels.index_select(0, index),
        None if data.rows is None else data.rows.index_select(0, index),
    )


def _joined(batches: list[Batch]) -> Batch:
    """Batches one after another; a mask appears as soon as one of them has unknown entries."""
    if len(batches) == 1:
        return batches[0]
    masks = None
    if any(batch.mask is not None for batch in batches):
        masks = torch.cat(
            [
                torch.ones_like(batch.x, dtype=torch.bool) if batch.mask is None else batch.mask
                for batch in batches
            ]
        )
    labels = [batch.labels for batch in batches if batch.labels is not None]
    rows = [batch.rows for batch in batches if batch.rows is not None]
    return Batch(
        torch.cat([batch.x for batch in batches]),
        masks,
        torch.cat(labels) if labels else None,
        torch.cat(rows) if rows else None,
    )


def _to(data: Batch, device: torch.device) -> Batch:
    if data.x.device == device:
        return data
    moved = [
        None if tensor is None else tensor.to(device, non_blocking=True)
        for tensor in (data.mask, data.labels, data.rows)
    ]
    return Batch(data.x.to(device, non_blocking=True), *moved)
