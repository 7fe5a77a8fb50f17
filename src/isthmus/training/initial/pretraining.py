"""The protocol of initial weights that are themselves the result of training."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from isthmus.errors import ParameterError
from isthmus.training.initial.initial import Initial

if TYPE_CHECKING:
    import torch

    from isthmus.composition import Composition
    from isthmus.training.feeding import Feed
    from isthmus.training.training import Training
    from isthmus.training.watching import Watcher
    from isthmus.types import Batch

#: What is trained in one stage: the arguments of :func:`isthmus.training.loop.train` without seed and watcher.
Records = list[dict[str, Any]]


@dataclass(frozen=True)
class Pretrainer:
    """What a pretraining may use.

    training : the plan of the training that follows. seed : of all randomness. watcher : told of every stage.
    train : trains a network on a feed as one stage, by name, and returns the stage's lines of the history.
    """

    training: Training
    seed: int
    watcher: Watcher
    train: Callable[..., Records]


@dataclass
class Pretraining(Initial):
    """Initial weights that come from training pieces of the network first, stage by stage."""

    def __call__(self, network: Composition, *, batch: Batch | None, generator: torch.Generator) -> None:
        raise ParameterError(
            f"{type(self).__name__} trains on all rows, one batch is not enough: give it to Training, or use Kaiming()."
        )

    @abstractmethod
    def pretrain(self, network: Composition, feed: Feed, pretrainer: Pretrainer) -> Records:
        """Set the weights of ``network`` in place; returns the lines of the history, each with its ``stage``."""
