"""A shuffle for data that are read in a stream: units in random order, then a buffer that mixes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from isthmus.data.rows import Rows, concatenate

LANES = 4
"""Units that are read at the same time, so that neighbours in the data are spread beyond the buffer."""

Unit = Callable[[], Iterator[Rows]]


def spans(total: int, size: int) -> Iterator[tuple[int, int]]:
    """(start, stop) of the pieces of ``size`` that make up ``total``; the last may be shorter.

    >>> list(spans(5, 2))
    [(0, 2), (2, 4), (4, 5)]
    """
    for start in range(0, total, size):
        yield start, min(start + size, total)


def mix(units: Sequence[Unit], *, seed: int, buffer_rows: int, lanes: int = LANES) -> Iterator[Rows]:
    """Every row of every unit once, in pieces of any size, in an order that depends on the seed alone.

    Units are begun in random order and ``lanes`` of them are open at a time. Their rows go through a buffer:
    each incoming piece takes the places of rows drawn at random, which are handed out, so that a row waits
    for about ``buffer_rows`` others on average. Memory: the buffer, and one piece of each lane.
    """
    generator = np.random.default_rng(seed)
    pieces = _interleaved(units, generator, lanes)
    first = next(pieces, None)
    if first is None:
        return
    stir = _exchanged if isinstance(first.values, np.ndarray) else _halved
    yield from stir(_chain(first, pieces), generator, buffer_rows)


def _chain(first: Rows, rest: Iterator[Rows]) -> Iterator[Rows]:
    yield first
    yield from rest


def _interleaved(units: Sequence[Unit], generator: np.random.Generator, lanes: int) -> Iterator[Rows]:
    """Pieces of the units, from ``lanes`` of them at a time."""
    waiting = list(generator.permutation(len(units)))[::-1]
    opened: list[Iterator[Rows]] = []
    while opened or waiting:
        while waiting and len(opened) < lanes:
            opened.append(units[waiting.pop()]())
        lane = int(generator.integers(len(opened)))
        piece = next(opened[lane], None)
        if piece is None:
            opened.pop(lane)
        elif len(piece):
            yield piece


def _exchanged(pieces: Iterator[Rows], generator: np.random.Generator, buffer_rows: int) -> Iterator[Rows]:
    """Arrays through a buffer that is written in place: a gather and a scatter a row."""
    held, pieces = _filled(pieces, buffer_rows)
    values: Any = held.values
    order = generator.permutation(len(held))
    place = 0
    for piece in pieces:
        for start, stop in spans(len(piece), len(held)):
            part = piece.slice(start, stop)
            if place + len(part) > len(held):
                order, place = generator.permutation(len(held)), 0
            slots = order[place : place + len(part)]
            place += len(part)
            yield held.take(slots)
            values[slots] = part.values
            held.index[slots] = part.index
            if held.labels is not None:
                held.labels[slots] = part.labels
    yield held.take(generator.permutation(len(held)))


def _filled(pieces: Iterator[Rows], buffer_rows: int) -> tuple[Rows, Iterator[Rows]]:
    """The first ``buffer_rows`` rows (fewer where there are no more) in memory of their own, and the rest."""
    first: list[Rows] = []
    count = 0
    rest: Rows | None = None
    for piece in pieces:
        room = buffer_rows - count
        first.append(piece.slice(0, room))
        count += len(first[-1])
        if count == buffer_rows:
            rest = piece.slice(room, len(piece))
            break
    held = concatenate(first)
    if len(first) == 1:
        held = held.take(np.arange(len(held)))
    return held, pieces if rest is None else _chain(rest, pieces)


def _halved(pieces: Iterator[Rows], generator: np.random.Generator, buffer_rows: int) -> Iterator[Rows]:
    """Tables, which cannot be written in place: the buffer is permuted whole and its first half handed out."""
    held: list[Rows] = []
    count = 0
    for piece in pieces:
        held.append(piece)
        count += len(piece)
        if count >= buffer_rows:
            order = generator.permutation(count)
            everything = concatenate(held)
            out = count - buffer_rows // 2
            yield everything.take(order[:out])
            held = [everything.take(order[out:])]
            count -= out
    if held:
        yield concatenate(held).take(generator.permutation(count))


def rebatch(pieces: Iterator[Rows], block_rows: int) -> Iterator[Rows]:
    """The same rows in the same order, in blocks of exactly ``block_rows``; the last may be shorter."""
    rest: list[Rows] = []
    count = 0
    for piece in pieces:
        start = 0
        if count:
            start = min(block_rows - count, len(piece))
            rest.append(piece.slice(0, start))
            count += start
            if count == block_rows:
                yield concatenate(rest)
                rest, count = [], 0
        while len(piece) - start >= block_rows:
            yield piece.slice(start, start + block_rows)
            start += block_rows
        if start < len(piece):
            rest.append(piece.slice(start, len(piece)))
            count += len(piece) - start
    if rest:
        yield concatenate(rest)
