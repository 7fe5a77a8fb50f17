"""What every worker is told and what it answers.

``python -m benchmarks.workers.<name> --task mnist --batch 128 --epochs 4 --seed 0`` trains once and prints one
line of JSON: ``seconds_per_epoch``, ``cpu_seconds_per_epoch``, ``test_squared_error``, ``peak_rss_mb``,
``data_rss_mb``, ``versions`` and ``notes``.
Runs inside the peers' environments, so it imports torch and numpy only.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from benchmarks.tasks import TASKS, Task, load

if TYPE_CHECKING:
    import numpy as np

LEARNING_RATE = 1e-3


@dataclass
class Job:
    """One training that is asked for."""

    task: Task
    train: np.ndarray
    test: np.ndarray
    batch: int
    epochs: int
    seed: int
    fused: bool
    precision: str
    threads: int


class EpochClock:
    """Wall-clock and processor seconds of each epoch: ``start`` before training, ``tick`` after every epoch."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.cpu_seconds: list[float] = []

    def start(self) -> None:
        self._last = time.perf_counter(), time.process_time()

    def tick(self) -> None:
        now = time.perf_counter(), time.process_time()
        self.seconds.append(now[0] - self._last[0])
        self.cpu_seconds.append(now[1] - self._last[1])
        self._last = now


@dataclass
class Trained:
    """What a training gave: the clock of its epochs and the function that reconstructs."""

    clock: EpochClock
    reconstruct: Callable[[Tensor], Tensor]
    notes: dict[str, str] = field(default_factory=dict)


def peak_rss_mb() -> float:
    """Largest resident memory this process ever had, in MB.

    On Linux from /proc: ``getrusage`` also counts what the parent held when it started this process.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


@torch.no_grad()
def squared_error(reconstruct: Callable[[Tensor], Tensor], X: np.ndarray, *, rows: int = 2048) -> float:
    """Squared error summed over features, averaged over samples."""
    total = 0.0
    for x in torch.from_numpy(X).split(rows):
        total += (reconstruct(x).float() - x).square().sum(dtype=torch.float64).item()
    return total / len(X)


def versions(*names: str) -> dict[str, str]:
    """Installed versions of torch, numpy and ``names``."""
    found = {}
    for name in ("torch", "numpy", *names):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found | {"python": ".".join(map(str, sys.version_info[:3]))}


def run(train: Callable[[Job], Trained], *packages: str) -> None:
    """Read the command line, train, measure and answer."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--task", choices=TASKS, required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rows", type=int, help="only the first so many training rows")
    parser.add_argument(
        "--precision", default="float32", help="float32, or the contender's own default: auto"
    )
    parser.add_argument(
        "--fused", action="store_true", help="fused Adam where it is not the contender's default"
    )
    wish = parser.parse_args()
    torch.set_num_threads(wish.threads)
    torch.manual_seed(wish.seed)
    task = TASKS[wish.task]
    X, X_test = load(task, rows=wish.rows)
    data_rss = peak_rss_mb()
    job = Job(task, X, X_test, wish.batch, wish.epochs, wish.seed, wish.fused, wish.precision, wish.threads)
    trained = train(job)
    peak = peak_rss_mb()
    answer = {
        "seconds_per_epoch": trained.clock.seconds,
        "cpu_seconds_per_epoch": trained.clock.cpu_seconds,
        "test_squared_error": squared_error(trained.reconstruct, X_test),
        "peak_rss_mb": peak,
        "data_rss_mb": data_rss,
        "versions": versions(*packages),
        "notes": trained.notes,
    }
    sys.stdout.write(json.dumps(answer) + "\n")
