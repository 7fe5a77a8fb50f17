"""A shuffle for data that are read in a stream: units in random order, then a buffer that mixes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from isthmus.data.rows import Rows, concatenate

LANES = 4
"""Units that are read at the same time, so that neighbours in the data are spread beyond the buffer."""


def spans(total: int, size: int) -> Iterator[tuple[int, int]]:
    """(start, stop) of the pieces of ``size`` that make up ``total``; the last may be shorter.

    >>> list(spans(5, 2))
    [(0, 2), (2, 4), (4, 5)]
    """
    for start in range(0, total, size):
        yield start, min(start + size, total)


def mix(
    units: Sequence[Callable[[], Iterator[Rows]]], block_rows: int, *, seed: int, buffer_rows: int
) -> Iterator[Rows]:
    """Every row of every unit once, in blocks of ``block_rows``, in an order that depends on the seed alone.

    The buffer is filled, permuted as a whole, and its first half handed out; so a row travels past
    ``buffer_rows`` / 2 others at the least, and every step is one vectorised gather.
    Memory: ``buffer_rows`` rows twice, and one piece of each lane.
    """
    generator = np.random.default_rng(seed)
    return rebatch(
        _stirred(_interleaved(units, generator), generator, max(buffer_rows, block_rows)), block_rows
    )


def _interleaved(
    units: Sequence[Callable[[], Iterator[Rows]]], generator: np.random.Generator
) -> Iterator[Rows]:
    """Pieces of the units; units are begun in random order and ``LANES`` of them are open at a time."""
    waiting = list(generator.permutation(len(units)))[::-1]
    lanes: list[Iterator[Rows]] = []
    while lanes or waiting:
        while waiting and len(lanes) < LANES:
            lanes.append(units[waiting.pop()]())
        lane = int(generator.integers(len(lanes)))
        piece = next(lanes[lane], None)
        if piece is None:
            lanes.pop(lane)
        elif len(piece):
            yield piece


def _stirred(pieces: Iterator[Rows], generator: np.random.Generator, buffer_rows: int) -> Iterator[Rows]:
    """The rows of the pieces through a buffer."""
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
