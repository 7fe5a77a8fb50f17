"""Pythae's AE with its BaseTrainer."""

from __future__ import annotations

import contextlib
import logging
import sys
import tempfile

import torch
from pythae.data.datasets import BaseDataset
from pythae.models import AE, AEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.trainers import BaseTrainer, BaseTrainerConfig
from pythae.trainers.training_callbacks import TrainingCallback
from torch import Tensor, nn

from benchmarks.tasks import network
from benchmarks.workers.protocol import LEARNING_RATE, EpochClock, Job, Trained, run


class Encoder(BaseEncoder):
    """The task's encoder under Pythae's interface."""

    def __init__(self, layers: nn.Module) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, x: Tensor) -> ModelOutput:
        return ModelOutput(embedding=self.layers(x))


class Decoder(BaseDecoder):
    """The task's decoder under Pythae's interface."""

    def __init__(self, layers: nn.Module) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, z: Tensor) -> ModelOutput:
        return ModelOutput(reconstruction=self.layers(z))


class Ticking(TrainingCallback):
    """Tells the clock of every epoch."""

    def __init__(self, clock: EpochClock) -> None:
        self.clock = clock

    def on_train_begin(self, training_config: BaseTrainerConfig, **_: object) -> None:
        self.clock.start()

    def on_epoch_end(self, training_config: BaseTrainerConfig, **_: object) -> None:
        self.clock.tick()


def train(job: Job) -> Trained:
    """The trainer as its manual shows, batch size and learning rate apart."""
    logging.disable(logging.CRITICAL)
    encoder, decoder = network(job.task)
    config = AEConfig(input_dim=(job.task.widths[0],), latent_dim=job.task.widths[-1])
    model = AE(config, encoder=Encoder(encoder), decoder=Decoder(decoder))
    clock = EpochClock()
    X = torch.from_numpy(job.train)
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        wishes = BaseTrainerConfig(
            output_dir=folder,
            num_epochs=job.epochs,
            per_device_train_batch_size=job.batch,
            learning_rate=LEARNING_RATE,
            optimizer_cls="Adam",
            optimizer_params={"fused": True} if job.fused else None,
            seed=job.seed,
        )
        trainer = BaseTrainer(
            model, BaseDataset(X, torch.ones(len(X))), training_config=wishes, callbacks=[Ticking(clock)]
        )
        trainer.train()
    notes = {"keeps": "a copy of the best weights, made every epoch that improves"}
    return Trained(clock, nn.Sequential(encoder, decoder).eval(), notes)


if __name__ == "__main__":
    run(train, "pythae")
