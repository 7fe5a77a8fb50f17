"""Reads ahead on a second thread, so that decoding and training overlap."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

DEPTH = 2
"""Items that wait at the most."""


class _End:
    """What the reader puts last; ``error`` is what stopped it, if it was not the end."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def read_ahead(items: Iterable[T]) -> Iterator[T]:
    """The same items in the same order, made on another thread; faults are raised here.

    The thread ends with the iterator, also when that is dropped half-way. Arrow and numpy release the
    interpreter's lock while they decode and gather, so this is worth a core.
    """
    waiting: queue.Queue[T | _End] = queue.Queue(DEPTH)
    stop = threading.Event()

    def offer(item: T | _End) -> None:
        while not stop.is_set():
            try:
                waiting.put(item, timeout=0.1)
            except queue.Full:
                continue
            return

    def work() -> None:
        try:
            for item in items:
                offer(item)
                if stop.is_set():
                    return
        except BaseException as error:  # noqa: BLE001 (raised on the other side)
            offer(_End(error))
        else:
            offer(_End(None))

    thread = threading.Thread(target=work, name="isthmus-read-ahead", daemon=True)
    thread.start()
    try:
        while not isinstance(item := waiting.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        stop.set()
        thread.join()
