"""Time to quality: a worker trains, stops its clock after every epoch, and tells the test error.

Prints one line of JSON an epoch, ``{"epoch", "seconds", "test_squared_error"}``, then waits for a line on
standard input before it goes on: the parent lets two workers take turns, so that both see the same machine.
``seconds`` counts all from the start of the training call, evaluation and waiting excluded.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from benchmarks.tasks import TASKS, load
from benchmarks.workers.protocol import peak_rss_mb, squared_error

if TYPE_CHECKING:
    import numpy as np

Reconstruct = Callable[[Tensor], Tensor]


class TargetsReachedError(Exception):
    """Raised inside a training to end it."""


class TurnTaking:
    """A clock that runs during training only."""

    def __init__(self, X_test: np.ndarray, epochs: int | None) -> None:
        self.X_test = X_test
        self.epochs = epochs
        self.seconds = 0.0
        self.epoch = 0

    def start(self) -> None:
        self._since = time.perf_counter()

    def epoch_ended(self, reconstruct: Reconstruct) -> None:
        """Stop the clock, evaluate, report, wait for the turn, go on."""
        self.seconds += time.perf_counter() - self._since
        self.epoch += 1
        error = squared_error(reconstruct, self.X_test)
        answer = {"epoch": self.epoch, "seconds": self.seconds, "test_squared_error": error}
        sys.stdout.write(json.dumps(answer | {"peak_rss_mb": peak_rss_mb()}) + "\n")
        sys.stdout.flush()
        if sys.stdin.readline().strip() == "stop" or self.epoch == self.epochs:
            raise TargetsReachedError
        self.start()


def run(train: Callable[[np.ndarray, TurnTaking, argparse.Namespace], None]) -> None:
    """Read the command line and train until told to stop."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rows", type=int)
    parser.add_argument(
        "--epochs", type=int, help="stop after so many; the schedule is that of the whole budget"
    )
    wish = parser.parse_args()
    torch.set_num_threads(wish.threads)
    torch.manual_seed(wish.seed)
    X, X_test = load(TASKS["deep"], rows=wish.rows)
    turns = TurnTaking(X_test, wish.epochs)
    turns.start()
    try:
        train(X, turns, wish)
    except TargetsReachedError:
        return
