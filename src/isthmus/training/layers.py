"""A dense autoencoder taken apart: each layer with its mirror, and what the layers below make of the data."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from isthmus.architectures.dense import Dense
from isthmus.composition import Composition, Parts
from isthmus.data.memory import budget_bytes
from isthmus.errors import ParameterError
from isthmus.nn.activations import activation
from isthmus.nn.dense import DenseChain, TransposedLinear
from isthmus.training.feeding import Feed, MemoryFeed, SpilledFeed, block_rows
from isthmus.training.spilling import SpilledRows, has_room
from isthmus.types import Batch, Event


@dataclass(frozen=True)
class Level:
    """One layer of an encoder and the layer of the decoder that mirrors it.

    number, count : its place, counted from 1 at the data. down, up : the two linear maps. event : what a row is
    that the layer reads. activation : what follows ``down``, the code's own matter at the top.
    """

    number: int
    count: int
    down: nn.Linear
    up: nn.Linear | TransposedLinear
    event: Event
    activation: str

    @property
    def name(self) -> str:
        """How histories and progress call the stage in which it is trained."""
        return f"layer {self.number} of {self.count}"

    @property
    def top(self) -> bool:
        """True for the layer that makes the code."""
        return self.number == self.count

    @property
    def tied(self) -> bool:
        """True where the decoder's matrix is the encoder's."""
        return isinstance(self.up, TransposedLinear)

    def of(self, value: Any, what: str) -> Any:
        """The entry for the level of a tuple that has one a level; any other value as it is.

        what : the field, for the message. Raises ParameterError for tuples of another length.
        """
        if not isinstance(value, tuple | list):
            return value
        if len(value) != self.count:
            raise ParameterError(
                f"{what} has {len(value)} entries, the encoder {self.count} layers with that of the code: give one a "
                f"layer, or one for all."
            )
        return value[self.number - 1]

    @torch.no_grad()
    def upwards(self, x: Tensor) -> Tensor:
        """x (batch, *event) -> the layer's activations (batch, width), nothing dropped or damaged."""
        weight, bias = (value.to(x.device) for value in (self.down.weight, self.down.bias))
        return activation(self.activation)(F.linear(x.flatten(1), weight, bias))

    @torch.no_grad()
    def adopt(self, stage: Composition) -> None:
        """Take over the weights of a one-layer autoencoder."""
        down, up = ends(stage)
        self.down.weight.copy_(down.weight)
        self.down.bias.copy_(down.bias)
        self.up.bias.copy_(up.bias)
        if isinstance(self.up, nn.Linear):
            self.up.weight.copy_(down.weight.t() if isinstance(up, TransposedLinear) else up.weight)


def levels(network: Composition, *, who: str) -> list[Level]:
    """The layers of a mirrored dense autoencoder, the one that reads the data first.

    who : the part that asks, for the message. Raises ParameterError for other networks.
    """
    architecture = network.parts.architecture
    if not isinstance(architecture, Dense):
        raise ParameterError(
            f"{who} trains fully connected layers one by one, but the architecture is a {type(architecture).__name__}: "
            f"use Dense, or initial_weights='orthogonal'."
        )
    mirror = tuple(reversed(architecture.hidden))
    if architecture.decoder_hidden is not None and tuple(architecture.decoder_hidden) != mirror:
        raise ParameterError(
            f"{who} trains each layer with its mirror, so decoder_hidden of Dense must be None, got "
            f"{architecture.decoder_hidden!r}: leave it out, or use initial_weights='orthogonal'."
        )
    if architecture.normalization != "none":
        raise ParameterError(
            f"{who} trains plain layers, which {architecture.normalization} normalisation would change afterwards: use "
            f"normalization='none' in Dense, or initial_weights='orthogonal'."
        )
    downs = [layer for layer in network.encoder.modules() if isinstance(layer, nn.Linear)]
    ups = [layer for layer in network.decoder.modules() if isinstance(layer, nn.Linear | TransposedLinear)]
    events = [
        network.event,
        *(Event((layer.out_features,), classes=network.event.classes) for layer in downs[:-1]),
    ]
    places = zip(downs, reversed(ups), events, strict=True)
    return [
        Level(number, len(downs), down, up, event, architecture.activation)
        for number, (down, up, event) in enumerate(places, start=1)
    ]


def one_layer(
    level: Level, parts: Parts, *, output_activation: str = "identity", tied: bool, seed: int
) -> Composition:
    """An autoencoder of the level's one layer and its mirror, around the code, loss and others of ``parts``.

    Random: PyTorch's own initial weights, from ``seed``.
    """
    dense = Dense(hidden=(), tied=tied)
    # Set afterwards: as outputs of a whole autoencoder Dense offers some activations only.
    dense.output_activation = output_activation  # type: ignore[assignment]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Composition(dataclasses.replace(parts, architecture=dense), level.event)


def ends(stage: Composition) -> tuple[nn.Linear, nn.Linear | TransposedLinear]:
    """The two linear maps of a one-layer autoencoder."""
    halves = (cast(DenseChain, stage.encoder), cast(DenseChain, stage.decoder))
    down, up = (half.blocks[0] for half in halves)
    return cast(nn.Linear, down), cast("nn.Linear | TransposedLinear", up)


def in_batches(feed: Feed, size: int | None) -> Feed:
    """The same rows in batches of ``size``; None leaves the size."""
    if size is None:
        return feed
    other = copy.copy(feed)
    other.batch_size = min(size, feed.n_rows)
    return other


def above(feed: Feed, level: Level) -> Feed:
    """What a level makes of the rows of a feed, computed once and kept: in memory, or else on disk.

    Where neither has room the rows are made anew each epoch. Labels and row numbers stay with their rows.
    """
    size = 4 * feed.n_rows * level.down.out_features
    if size <= budget_bytes():
        data = _collected(feed, level)
        return MemoryFeed(data, batch_size=feed.batch_size, shuffle=feed.shuffle, seed=feed.seed)
    if has_room(size):
        return _OnDisk(feed, level)
    return _Anew(feed, level)


def _raised(batch: Batch, level: Level) -> Batch:
    return Batch(level.upwards(batch.x), None, batch.labels, batch.rows)


def _raised_in_order(feed: Feed, level: Level) -> Iterator[Batch]:
    return (_raised(batch, level) for batch in feed.in_order(block_rows(level.event.size)))


def _collected(feed: Feed, level: Level) -> Batch:
    """All rows in order, written block by block into one tensor."""
    x: Tensor | None = None
    labels: list[Tensor] = []
    numbers: list[Tensor] = []
    first = 0
    for batch in _raised_in_order(feed, level):
        if x is None:
            x = batch.x.new_empty(feed.n_rows, batch.x.shape[1])
        x[first : first + len(batch)] = batch.x
        labels += [] if batch.labels is None else [batch.labels]
        numbers += [] if batch.rows is None else [batch.rows]
        first += len(batch)
    if x is None:
        raise ParameterError("there is no row to train a layer on: pass data.")
    return Batch(x, None, torch.cat(labels) if labels else None, torch.cat(numbers) if numbers else None)


class _OnDisk(SpilledFeed):
    """Activations in a file without a name, see :mod:`isthmus.training.spilling`."""

    def __init__(self, feed: Feed, level: Level) -> None:
        Feed.__init__(self, feed.n_rows, batch_size=feed.batch_size, shuffle=feed.shuffle, seed=feed.seed)
        self.device = torch.device("cpu")
        labels: list[Tensor] = []
        self.spilled = SpilledRows(self._written(feed, level, labels), (level.down.out_features,))
        self.labels = torch.cat(labels) if labels else None

    @staticmethod
    def _written(feed: Feed, level: Level, labels: list[Tensor]) -> Iterator[Tensor]:
        """Blocks of activations; the labels that pass are noted."""
        for batch in _raised_in_order(feed, level):
            labels += [] if batch.labels is None else [batch.labels.cpu()]
            yield batch.x.cpu()


class _Anew(Feed):
    """Activations made from the feed below whenever they are asked for."""

    def __init__(self, feed: Feed, level: Level) -> None:
        super().__init__(feed.n_rows, batch_size=feed.batch_size, shuffle=feed.shuffle, seed=feed.seed)
        self.feed = feed
        self.level = level

    def to(self, device: torch.device) -> None:
        self.feed.to(device)

    def epoch(self, number: int, *, skip: int = 0) -> Iterator[Batch]:
        return (_raised(batch, self.level) for batch in self.feed.epoch(number, skip=skip))

    def in_order(self, batch_size: int) -> Iterator[Batch]:
        return (_raised(batch, self.level) for batch in self.feed.in_order(batch_size))
