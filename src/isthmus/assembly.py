"""From an estimator's choices and its data to what is trained: parts, network and feed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from isthmus import registry
from isthmus.composition import Composition, Parts
from isthmus.errors import DataError, ParameterError
from isthmus.training.feeding import Feed, open_feed

if TYPE_CHECKING:
    from isthmus.data.source import Source
    from isthmus.data.transform import Transform
    from isthmus.penalties.penalty import Penalty
    from isthmus.training.training import Training
    from isthmus.types import Event


def refuse_missing_labels(
    penalties: Sequence[Penalty],
    labels: torch.Tensor | None,
    held_out: Source | None,
    validation_labels: torch.Tensor | None,
) -> None:
    """ParameterError before anything is trained where a penalty asks for labels that are not there."""
    asking = [type(part).__name__ for part in penalties if part.weight and "labels" in part.needs]
    if asking and labels is None:
        raise ParameterError(f"{asking[0]} needs labels: pass y to fit.")
    if asking and held_out is not None and validation_labels is None:
        raise ParameterError(
            f"{asking[0]} needs labels of the held-out rows too: pass y_val to fit with X_val."
        )


def built(parts: Parts, event: Event, seed: int) -> Composition:
    """The network with its own constructors' weights, drawn from ``seed`` with the global generator put back."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Composition(parts, event)


def parts_of(choices: dict[str, Any], transform: Transform) -> Parts:
    """The five choices with the loss that the data ask for; DataError for data that the loss cannot take."""
    loss = choices["loss"]
    if loss == "auto":
        levels = any(column.kind == "categorical" for column in transform.event.columns)
        loss = registry.named("losses", "table" if levels else "mse")()
    problems = list(loss.refusals(transform.low, transform.high))
    if problems:
        raise DataError(" ".join(problems))
    return Parts(**(choices | {"loss": loss}))


def feed_of(
    source: Source, transform: Transform, labels: torch.Tensor | None, training: Training, seed: int
) -> Feed:
    """The rows of a source in model space, batch by batch as the training plan asks."""
    return open_feed(
        source,
        transform,
        labels=labels,
        batch_size=training.batch_size,
        shuffle=training.shuffle,
        seed=seed,
        spill=training.spill and training.max_epochs > 1,
    )
