"""Small records that parts hand to each other. Shapes: ``batch`` rows, ``*event`` one sample in model space."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import torch
    from torch import Tensor, nn

Kind = Literal["numeric", "categorical"]


@dataclass(frozen=True)
class Column:
    """Where one column of a table lies in a row of model space.

    A numeric column is one entry; a categorical one is ``width`` indicators, one a level.
    """

    name: str
    kind: Kind
    start: int
    width: int

    @property
    def entries(self) -> slice:
        """The column's entries in the last axis of x."""
        return slice(self.start, self.start + self.width)


@dataclass(frozen=True)
class Event:
    """What one sample looks like to the model: ``(features,)`` or ``(channels, height, width)``.

    ``columns`` is filled for tables only; there every column of the data has its place. ``classes`` counts the
    classes of the labels that came with the training data, 0 where there were none.
    """

    shape: tuple[int, ...]
    columns: tuple[Column, ...] = ()
    classes: int = 0

    @property
    def size(self) -> int:
        """How many numbers a sample has."""
        return math.prod(self.shape)


@dataclass
class Batch:
    """Rows in model space as a feed hands them out.

    x : (batch, *event) float32, unknown entries 0. mask : same shape, bool, True = known; None = all known.
    labels : (batch,) or None. rows : (batch,) the rows' numbers in the data set, or None.
    """

    x: Tensor
    mask: Tensor | None = None
    labels: Tensor | None = None
    rows: Tensor | None = None

    def __len__(self) -> int:
        return int(self.x.shape[0])


@dataclass
class Context:
    """What a pass may depend on besides its batch: randomness, progress, and the place in a global batch.

    generator : source of every random number; None makes the pass deterministic (evaluation).
    progress : in [0, 1], the share of the planned training that is done, for schedules inside parts.
    shard : (first, count, total): which rows of the global batch these are. Random numbers are drawn for
        the whole global batch and cut, so several processes see the numbers that one would.
    """

    generator: torch.Generator | None = None
    progress: float = 1.0
    shard: tuple[int, int, int] | None = None

    def normal(self, like: Tensor) -> Tensor:
        """Standard normal numbers of the shape, dtype and device of ``like`` (batch, ...)."""
        return self._draw("normal_", like)

    def uniform(self, like: Tensor) -> Tensor:
        """Uniform numbers in [0, 1) of the shape, dtype and device of ``like`` (batch, ...)."""
        return self._draw("uniform_", like)

    def bits(self, like: Tensor) -> Tensor:
        """Sixteen random bits an entry of ``like`` (batch, ...): int16, every value equally likely.

        The cheapest random numbers: four of them cost what one uniform number does.
        """
        import torch

        first, count, total = self.shard or (0, like.shape[0], like.shape[0])
        entries = math.prod(like.shape[1:]) * total
        words = torch.empty(-(-entries // 4), dtype=torch.int64, device=like.device)
        words.random_(-(2**63), None, generator=self.generator)
        return words.view(torch.int16)[:entries].view(total, *like.shape[1:])[first : first + count]

    def _draw(self, fill: str, like: Tensor) -> Tensor:
        first, count, total = self.shard or (0, like.shape[0], like.shape[0])
        drawn = like.new_empty((total, *like.shape[1:]))
        getattr(drawn, fill)(generator=self.generator)
        return drawn[first : first + count]


class Distribution(Protocol):
    """A distribution of codes, one a row: posteriors q(z|x) and priors p(z)."""

    def sample(self, context: Context) -> Tensor:
        """(batch, code) drawn with gradients to the parameters where they exist."""
        ...

    def log_prob(self, z: Tensor) -> Tensor:
        """(batch,) log density in nats."""
        ...

    @property
    def mean(self) -> Tensor:
        """(batch, code)."""
        ...


@dataclass
class Encoded:
    """What a code makes of the encoder's output.

    z : (batch, code), the value that the decoder reads. posterior : q(z|x) of a stochastic code, else None.
    terms : what the code itself adds to the objective (KL, commitment ...), nats per sample, each (batch,).
    h : (batch, encoder_width), what the code was made of; the composition fills it in.
    """

    z: Tensor
    posterior: Any = None
    terms: Mapping[str, Tensor] = field(default_factory=dict)
    h: Tensor | None = None


@dataclass
class Forward:
    """One pass through the whole composition, for penalties to read.

    output : what the decoder gives, in the loss's own parametrisation; ``reconstruction`` is made of it.
    activations : outputs of the encoder's hidden layers, first layer first, filled only for penalties that
        declare ``needs = {"activations"}``.
    encode, decode : the network's halves on tensors, for penalties that need derivatives or other inputs.
    nll : (output, x, mask) -> (batch,), the loss of this composition.

    What a penalty makes of these tensors may be differentiated, but they need not hang together in one graph: where
    the layers' gradients are written out, ``activations``, ``encoded.h`` and ``output`` are leaves. A penalty that
    needs one as a function of another computes it by ``network``.
    """

    x: Tensor
    x_corrupt: Tensor
    mask: Tensor | None
    labels: Tensor | None
    encoded: Encoded
    output: Tensor
    network: nn.Module
    context: Context
    activations: Sequence[Tensor] = ()

    @property
    def z(self) -> Tensor:
        """(batch, code), what the decoder read."""
        return self.encoded.z
