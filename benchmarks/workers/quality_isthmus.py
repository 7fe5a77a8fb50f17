"""isthmus' recipe ``hinton2006`` as it comes; only the seed and the threads are set."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import torch

from benchmarks.workers.isthmus import fit_watched
from benchmarks.workers.quality_protocol import TurnTaking, run
from isthmus import recipes

if TYPE_CHECKING:
    import numpy as np


class Turns:
    """isthmus' Watcher protocol: gives every finished epoch to the clock."""

    def __init__(self, turns: TurnTaking) -> None:
        self.turns = turns

    def started(self, plan: Any) -> None:
        """The clock runs since the call of fit."""

    def stepped(self, epoch: int, step: int) -> None:
        """Nothing."""

    def epoch_ended(self, record: dict[str, Any], network: Any) -> None:
        with torch.no_grad():
            self.turns.epoch_ended(network.reconstruct)

    def finished(self) -> None:
        """Nothing."""


def train(X: np.ndarray, turns: TurnTaking, wish: argparse.Namespace) -> None:
    """The recipe with its own epochs, batch, optimiser, schedule and precision."""
    model = recipes.hinton2006().set_params(random_state=wish.seed, training__threads=wish.threads)
    fit_watched(model, X, Turns(turns))


if __name__ == "__main__":
    run(train)
