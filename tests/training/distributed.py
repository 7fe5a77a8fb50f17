"""One training by as many processes as torchrun starts; rank 0 writes the weights. Arguments: result file, kind."""

import os
import sys

import torch

from isthmus.architectures.dense import Dense
from isthmus.codes.gaussian import Gaussian
from isthmus.corruptions.gaussian_noise import GaussianNoise
from isthmus.penalties.l1 import L1
from isthmus.training.devices import launched_processes
from isthmus.training.loop import train
from isthmus.training.optimizers.sgd import SGD
from training.networks import feed, network, rows, training

KINDS = {
    "plain": {},
    "noise": {"corruption": GaussianNoise(0.2)},
    "everything": {"corruption": GaussianNoise(0.2), "code": Gaussian(3), "penalties": (L1(1e-2),)},
    "tied": {"architecture": Dense((8,), tied=True)},
}


def run(kind, *, batch_size):
    """50 steps: 10 epochs of 5 batches, the last one smaller."""
    net = network(**KINDS[kind])
    x = rows(4 * batch_size + 3)
    mask = torch.rand(x.shape, generator=torch.Generator().manual_seed(9)) < 0.8
    choices = training(max_epochs=10, optimizer=SGD(), learning_rate=1e-2, averaging=0.5, gradient_clip=5.0)
    outcome = train(net, feed(x * mask, mask=mask, batch_size=batch_size), choices, seed=1)
    return {name: value.detach().clone() for name, value in net.state_dict().items()}, [
        record["loss"] for record in outcome.history
    ]


if __name__ == "__main__":
    torch.set_num_threads(1)
    place, *runs = sys.argv[1:]
    found = {}
    for one in runs:
        kind, _, size = one.partition(":")
        found[one] = run(kind, batch_size=int(size))
    if int(os.environ.get("RANK", "0")) == 0:
        torch.save({"count": launched_processes(), "found": found}, place)
