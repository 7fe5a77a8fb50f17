"""One budget of CPU threads for everything that starts workers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

#: Entries below which torch does an elementwise operation on one thread (at::internal::GRAIN_SIZE).
GRAIN = 32_768
#: Multiplications of one matrix product from which a second thread is woken: between a 64 x 32 layer, which did
#: not gain at small batches, and a 784 x 512 one at batch 32, which did. Not measured finer.
PRODUCT = 2_000_000


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def share(workers: int = 1) -> int:
    """Threads for each of ``workers`` processes, so that together they do not exceed the cores.

    Two processes of two threads each on two cores run 5 to 100 times slower than with one each. A limit the
    user has set (``OMP_NUM_THREADS``) is kept where it is lower.
    """
    limit = os.environ.get("OMP_NUM_THREADS", "")
    most = int(limit) if limit.isdigit() and int(limit) > 0 else cores()
    return max(1, min(most, cores() // max(1, workers)))


def suited(network: nn.Module, *, batch_size: int, available: int) -> int:
    """Threads that a training step can use: one where its arrays are too small for torch to divide.

    There the second thread does nothing but wait, which a busy machine makes expensive.
    """
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
    widest = max((layer.out_features for layer in layers), default=0)
    largest = max((layer.weight.numel() for layer in layers), default=0)
    convolves = any(isinstance(layer, nn.modules.conv._ConvNd) for layer in network.modules())
    divides = batch_size * widest >= GRAIN or batch_size * largest >= PRODUCT
    return available if convolves or divides else 1


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Run torch's operations on ``count`` threads inside the block, and as before after it."""
    before = torch.get_num_threads()
    if before == count:
        yield
        return
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
