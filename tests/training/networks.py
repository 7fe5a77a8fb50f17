"""Small networks and feeds for the tests of training."""

import torch

from isthmus.architectures.dense import Dense
from isthmus.codes.deterministic import Deterministic
from isthmus.composition import Composition, Parts
from isthmus.losses.squared_error import SquaredError
from isthmus.training.feeding import MemoryFeed
from isthmus.training.training import Training
from isthmus.types import Batch, Event

FEATURES = 6


def rows(n=50, features=FEATURES, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(n, features, generator=generator) @ torch.rand(features, features, generator=generator)


def network(
    architecture=None,
    *,
    code=None,
    loss=None,
    corruption=None,
    penalties=(),
    features=FEATURES,
    classes=0,
    seed=0,
):
    parts = Parts(
        architecture or Dense((8,)),
        code or Deterministic(3),
        loss or SquaredError(),
        corruption,
        tuple(penalties),
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Composition(parts, Event((features,), classes=classes))


def feed(x=None, *, batch_size=8, shuffle=True, seed=0, mask=None):
    x = rows() if x is None else x
    return MemoryFeed(
        Batch(x, mask, None, torch.arange(len(x))), batch_size=batch_size, shuffle=shuffle, seed=seed
    )


def training(**fields):
    return Training(**{"max_epochs": 3, "threads": 1, "device": "cpu", "precision": "float32"} | fields)


def state(net):
    return {name: value.detach().clone() for name, value in net.state_dict().items()}


def same(first, second):
    return all(torch.equal(value, second[name]) for name, value in first.items())
