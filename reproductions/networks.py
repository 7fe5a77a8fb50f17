"""Networks without their estimator, which would fit a density of thousands of dimensions too."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import torch

from isthmus.composition import Composition, Parts
from isthmus.training.feeding import MemoryFeed
from isthmus.training.loop import train
from isthmus.types import Batch, Event

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from isthmus.training import Training


def trained(parts: Parts, X: NDArray[np.float32], plan: Training, seed: int) -> tuple[Composition, float]:
    """A network and the seconds of its training."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Composition(parts, Event(X.shape[1:]))
    batch = Batch(torch.from_numpy(X), None, None, torch.arange(len(X)))
    feed = MemoryFeed(batch, batch_size=plan.batch_size, shuffle=True, seed=seed)
    outcome = train(network, feed, plan, seed=seed)
    return network, outcome.seconds


def said(text: str) -> None:
    """To standard error, with the time."""
    sys.stderr.write(f"  {time.strftime('%H:%M:%S')} {text}\n")


def squared_error(network: Composition, X: NDArray[np.float32]) -> float:
    """Summed over pixels, mean over rows."""
    with torch.inference_mode():
        squares = [(network.reconstruct(x) - x).square().sum(1) for x in torch.from_numpy(X).split(5_000)]
    return float(torch.cat(squares).mean())
