"""Reads ahead of the training, in a thread of its own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import TypeVar

T = TypeVar("T")

_END = object()


def ahead(items: Iterator[T], *, depth: int = 2) -> Iterator[T]:
    """The same items in the same order, up to ``depth`` of them made before they are asked for.

    Reading and decoding release the interpreter, so they run beside the training's products. An error of the
    items is raised where the item would have come; a consumer that stops early stops the reader.
    """
    ready: queue.Queue[object] = queue.Queue(maxsize=depth)
    stopped = threading.Event()
    failure: list[BaseException] = []

    def put(item: object) -> bool:
        while not stopped.is_set():
            try:
                ready.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def read() -> None:
        try:
            for item in items:
                if not put(item):
                    return
        except BaseException as error:  # noqa: BLE001 - it is raised again in the consumer's thread
            failure.append(error)
        put(_END)

    reader = threading.Thread(target=read, name="isthmus-reader", daemon=True)
    reader.start()
    try:
        while (item := ready.get()) is not _END:
            yield item  # type: ignore[misc]
        if failure:
            raise failure[0]
    finally:
        stopped.set()
        reader.join()
