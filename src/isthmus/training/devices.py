"""Where a training runs: device, precision and the other processes, by way of lightning-fabric."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from isthmus.errors import ParameterError, sentence


def launched_processes() -> int:
    """Processes that torchrun (or a like launcher) started for this training; 1 without one."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def local_processes() -> int:
    """Those of them on this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def resolve_device(name: str) -> str:
    """``auto`` as the best accelerator present, otherwise the name itself; ParameterError when it is absent."""
    if name == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    kind = name.partition(":")[0]
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not present.get(kind, False):
        have = ", ".join(key for key, found in present.items() if found)
        raise ParameterError(
            sentence("device of Training", f"one of this machine's ({have})", name, "try 'auto'")
        )
    return name


class Devices:
    """One process's view of the machines of a training.

    ``rank`` of ``count`` processes; ``device`` holds tensors. A single process is not wrapped: its objective
    is called as it is, so a step costs what PyTorch costs.
    """

    def __init__(self, device: str, precision: str) -> None:
        from lightning_fabric import Fabric  # a second to import, so only when a training starts

        self.count = launched_processes()
        self.precision = precision
        kind, _, number = device.partition(":")
        devices: Any = [int(number)] if number else (local_processes() if self.count > 1 else 1)
        with _quiet("lightning_fabric"):
            self._fabric = Fabric(
                accelerator={"cuda": "gpu"}.get(kind, kind),
                devices=devices,
                num_nodes=max(1, self.count // local_processes()),
                strategy="ddp" if self.count > 1 else "auto",
                precision="bf16-mixed" if precision == "bfloat16" else "32-true",
            )
        if self.count > 1:
            self._fabric.launch()
        self.rank: int = self._fabric.global_rank
        self.device: torch.device = self._fabric.device

    def wrap(self, objective: nn.Module) -> nn.Module:
        """The objective on the device, and in a gradient-averaging wrapper when there are several processes."""
        objective.to(self.device)
        return self._fabric.setup_module(objective) if self.count > 1 else objective

    def autocast(self) -> AbstractContextManager[Any]:
        """What the forward pass runs in."""
        if self.precision == "bfloat16" and self.count == 1:
            return self._fabric.autocast()
        return nullcontext()

    def backward(self, loss: Tensor) -> None:
        """Gradients of ``loss``, averaged over the processes."""
        if self.count > 1:
            self._fabric.backward(loss)
        else:
            torch.autograd.backward(loss)

    def shard(self, rows: int) -> tuple[int, int]:
        """(first, count) of this process's rows in a global batch of ``rows``."""
        first, after = (rows * place // self.count for place in (self.rank, self.rank + 1))
        return first, after - first

    def total(self, value: Tensor) -> float:
        """The sum over the processes of a number that each has its share of."""
        if self.count == 1:
            return float(value)
        summed = self._fabric.all_reduce(value, reduce_op="sum")
        return float(summed) if isinstance(summed, Tensor) else float(value)

    def barrier(self) -> None:
        """Wait for the other processes."""
        if self.count > 1:
            self._fabric.barrier()


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Keep a library's remarks about its own settings out of our messages."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(before)
