"""One training that keeps a checkpoint, run as a script so that it can be killed.

Arguments: checkpoint, result file, kind, least seconds a step.
"""

import json
import sys
import time
from pathlib import Path

import torch

from isthmus.architectures.dense import Dense
from isthmus.codes.gaussian import Gaussian
from isthmus.corruptions.gaussian_noise import GaussianNoise
from isthmus.training.loop import train
from isthmus.training.watching import Silent
from training.networks import feed, network, rows, training

CHOICES = {
    "plain": ({}, {}),
    "noise": ({"corruption": GaussianNoise(0.1)}, {"averaging": 0.9, "gradient_clip": 1.0}),
    "everything": (
        {
            "architecture": Dense((8,), dropout=0.2, normalization="batch"),
            "code": Gaussian(3),
            "corruption": GaussianNoise(0.1),
        },
        {"averaging": 0.9, "optimizer": "muon", "patience": 50},
    ),
}


class Slow(Silent):
    def __init__(self, seconds):
        self.seconds = seconds

    def stepped(self, epoch, step):
        time.sleep(self.seconds)


def run(checkpoint, kind, *, seconds=0.0, epochs=5, resume=True, watcher=None):
    parts, choices = CHOICES[kind]
    net = network(**parts)
    outcome = train(
        net,
        feed(),
        training(
            max_epochs=epochs, checkpoint=str(checkpoint), checkpoint_seconds=0.0, resume=resume, **choices
        ),
        seed=3,
        validation=feed(rows(20, seed=4)) if "patience" in choices else None,
        watcher=watcher or Slow(seconds),
    )
    history = [
        {key: value for key, value in record.items() if key != "seconds"} for record in outcome.history
    ]
    return {name: value.tolist() for name, value in net.state_dict().items()}, history


if __name__ == "__main__":
    torch.set_num_threads(1)
    checkpoint, result, kind, seconds = sys.argv[1:]
    Path(result).write_text(json.dumps(run(checkpoint, kind, seconds=float(seconds))))
