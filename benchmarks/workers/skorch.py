"""skorch's NeuralNet around the same module."""

from __future__ import annotations

import torch
from skorch import NeuralNet
from skorch.callbacks import Callback
from torch import nn

from benchmarks.tasks import network
from benchmarks.workers.protocol import LEARNING_RATE, EpochClock, Job, Trained, run


class Ticking(Callback):
    """Tells the clock of every epoch."""

    def __init__(self, clock: EpochClock) -> None:
        self.clock = clock

    def on_train_begin(self, net: NeuralNet, **_: object) -> None:
        self.clock.start()

    def on_epoch_end(self, net: NeuralNet, **_: object) -> None:
        self.clock.tick()


def train(job: Job) -> Trained:
    """Rows as inputs and as targets, shuffled, no validation split."""
    clock = EpochClock()
    net = NeuralNet(
        nn.Sequential(*network(job.task)),
        criterion=nn.MSELoss,
        optimizer=torch.optim.Adam,
        lr=LEARNING_RATE,
        max_epochs=job.epochs,
        batch_size=job.batch,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
        device="cpu",
        callbacks=[("clock", Ticking(clock))],
        **({"optimizer__fused": True} if job.fused else {}),
    )
    net.fit(job.train, job.train)
    return Trained(clock, net.module_.eval(), {"loss": "mean over features"})


if __name__ == "__main__":
    run(train, "skorch")
