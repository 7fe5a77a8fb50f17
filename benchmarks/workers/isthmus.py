"""isthmus: the task's network by its parts, through the public estimator."""

from __future__ import annotations

from typing import Any

import torch

from benchmarks.tasks import Task
from benchmarks.workers.protocol import LEARNING_RATE, EpochClock, Job, Trained, run

OUTPUTS = {"linear": "identity", "sigmoid": "sigmoid"}


def autoencoder(task: Task, **training: Any) -> Any:
    """An Autoencoder of the task's widths; ``training`` are fields of Training."""
    from isthmus import Autoencoder
    from isthmus.architectures import Dense
    from isthmus.training import Training

    return Autoencoder(
        architecture=Dense(hidden=task.widths[1:-1], output_activation=OUTPUTS[task.output]),
        code=task.widths[-1],
        loss="mse",
        training=Training(**training),
    )


class Ticking:
    """Tells the clock of every epoch; isthmus' Watcher protocol."""

    def __init__(self, clock: EpochClock) -> None:
        self.clock = clock

    def started(self, plan: Any) -> None:
        self.clock.start()

    def stepped(self, epoch: int, step: int) -> None:
        """Nothing."""

    def epoch_ended(self, record: dict[str, Any], network: Any) -> None:
        self.clock.tick()

    def finished(self) -> None:
        """Nothing."""


def train(job: Job) -> Trained:
    """Adam at a constant rate, as all; ``--precision auto`` is the default precision of isthmus."""
    model = autoencoder(
        job.task,
        max_epochs=job.epochs,
        batch_size=job.batch,
        learning_rate=LEARNING_RATE,
        optimizer="adam",
        schedule="constant",
        precision=job.precision,
        initial_weights="as_built",  # PyTorch's own, as everybody here
        device="cpu",
    ).set_params(random_state=job.seed)
    clock = EpochClock()
    fit_watched(model, job.train, Ticking(clock))
    summary = model.training_summary_
    notes = {"precision": summary["precision"], "threads": str(summary["threads"])}
    return Trained(clock, lambda x: torch.from_numpy(model.reconstruct(x.numpy())), notes)


def fit_watched(model: Any, X: Any, watcher: Any) -> None:
    """``fit`` with a watcher that is told of every epoch."""
    model.fit(X, watcher=watcher)


if __name__ == "__main__":
    run(train)
