"""Small trainings in stages, run as a script by as many processes as torchrun starts. Argument: the result file."""

import os
import sys

import torch

from isthmus.architectures.dense import Dense
from isthmus.corruptions.gaussian_noise import GaussianNoise
from isthmus.training.initial.greedy import Greedy
from isthmus.training.initial.rbm import RBM
from isthmus.training.loop import train
from training.networks import feed, network, training

KINDS = {
    "greedy": Greedy(corruption=GaussianNoise(0.2), epochs=2),
    "rbm": RBM(epochs=2, batch_size=20),
}
STEPS = {"greedy": 7, "rbm": 3}


def stacked_run(kind, checkpoint, *, watcher=None):
    """Weights, and the lines of the history without seconds but with the steps of their epoch."""
    # Dropout's numbers are each process's own, so that trainings by one and by two differ in them.
    dropout = 0.0 if checkpoint is None else 0.2
    net = network(Dense((5, 4), activation="sigmoid", dropout=dropout))
    choices = (
        {}
        if checkpoint is None
        else {"checkpoint": str(checkpoint), "checkpoint_seconds": 0.0, "resume": True}
    )
    plan = training(initial_weights=KINDS[kind], gradient_clip=5.0, **choices)
    outcome = train(net, feed(), plan, seed=3, watcher=watcher)
    records = [
        {name: value for name, value in record.items() if name != "seconds"} | {"steps": STEPS[kind]}
        for record in outcome.stages + outcome.history
    ]
    return {name: value.tolist() for name, value in net.state_dict().items()}, records


if __name__ == "__main__":
    torch.set_num_threads(1)
    found = {}
    for kind in KINDS:
        weights, records = stacked_run(kind, None)
        found[kind] = ({name: torch.tensor(value) for name, value in weights.items()}, records)
    if int(os.environ.get("RANK", "0")) == 0:
        torch.save(found, sys.argv[1])
