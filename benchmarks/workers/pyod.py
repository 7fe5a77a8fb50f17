"""PyOD's AutoEncoder."""

from __future__ import annotations

import torch
from pyod.models.auto_encoder import AutoEncoder
from torch import nn

from benchmarks.tasks import network
from benchmarks.workers.protocol import LEARNING_RATE, EpochClock, Job, Trained, run


class SameNetwork(AutoEncoder):
    """PyOD's detector and loop around the task's network.

    Its own network has an activation on the code and no linear code at all, so ``build_model`` is replaced;
    standardisation, batch normalisation, dropout and weight decay, which are on by default, are off.
    """

    def __init__(self, job: Job, clock: EpochClock) -> None:
        super().__init__(
            preprocessing=False,
            lr=LEARNING_RATE,
            epoch_num=job.epochs,
            batch_size=job.batch,
            device=torch.device("cpu"),
            random_state=job.seed,
            verbose=0,
            optimizer_params={"weight_decay": 0.0},
            hidden_neuron_list=list(job.task.widths[1:]),
            batch_norm=False,
            dropout_rate=0.0,
        )
        self.job = job
        self.clock = clock

    def build_model(self) -> None:
        self.model = nn.Sequential(*network(self.job.task))

    def training_prepare(self) -> None:
        super().training_prepare()
        if self.job.fused:
            self.optimizer = torch.optim.Adam(self.model.parameters(), lr=self.lr, fused=True)

    def train(self, train_loader: torch.utils.data.DataLoader) -> None:
        self.clock.start()
        super().train(train_loader)

    def epoch_update(self) -> None:
        self.clock.tick()


def train(job: Job) -> Trained:
    """``fit``; the scores it computes of all training rows at its end are outside the clock."""
    clock = EpochClock()
    detector = SameNetwork(job, clock).fit(job.train)
    notes = {"loss": "mean over features", "rows": "the last incomplete batch of an epoch is dropped"}
    return Trained(clock, detector.model.eval(), notes)


if __name__ == "__main__":
    run(train, "pyod")
