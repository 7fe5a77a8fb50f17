"""Parts put together into one network."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from isthmus.corruptions.corruption import iterated
from isthmus.errors import ParameterError
from isthmus.types import Batch, Context, Encoded, Event, Forward

if TYPE_CHECKING:
    from isthmus.architectures.architecture import Architecture
    from isthmus.codes.code import Code
    from isthmus.corruptions.corruption import Corruption
    from isthmus.losses.loss import Loss
    from isthmus.penalties.penalty import Penalty


#: Rows of a block in evaluation, for networks below and above this number of weights.
SMALL_NETWORK = 100_000
SMALL_NETWORK_ROWS = 1024
LARGE_NETWORK_ROWS = 128


@dataclass
class Parts:
    """The five choices of one autoencoder, resolved: every one a part, none a name."""

    architecture: Architecture
    code: Code
    loss: Loss
    corruption: Corruption | None = None
    penalties: tuple[Penalty, ...] = field(default_factory=tuple)

    def conflicts(self, event: Event) -> Iterator[str]:
        """Sentences about parts that are fine alone and not together."""
        if self.corruption is not None:
            yield from self.corruption.refusals(event)
        if self.loss.on_logits and self.architecture.squashes:
            yield (
                f"{type(self.loss).__name__} works on logits and squashes them itself, so output_activation of "
                f"{type(self.architecture).__name__} must be 'identity': otherwise the output is squashed twice."
            )
        if self.architecture.squashes and any(column.kind == "categorical" for column in event.columns):
            yield (
                "a table with categorical columns needs output_activation='identity': its levels are logits and its "
                "numbers are standardised."
            )


class Composition(nn.Module):
    """Encoder, code and decoder of one autoencoder, with what its loss and penalties have to remember.

    ``encode`` and ``decode`` are deterministic functions of tensors; ``forward`` is one training pass.
    """

    def __init__(self, parts: Parts, event: Event) -> None:
        super().__init__()
        problems = list(parts.conflicts(event))
        if problems:
            raise ParameterError(" ".join(problems))
        self.parts = parts
        self.event = event
        self.output_shape = parts.loss.output_shape(event)
        self.encoder, self.decoder = parts.architecture.build(
            event.shape, parts.code.encoder_width, parts.code.size, self.output_shape
        )
        self.code_state = parts.code.state()
        self.loss_state = parts.loss.state(event)
        states = [penalty.state(self) for penalty in parts.penalties]
        self.penalty_states = nn.ModuleList([nn.Identity() if state is None else state for state in states])
        self._stateful = [state is not None for state in states]
        needed = any("activations" in penalty.needs for penalty in parts.penalties)
        self._watched = self.hidden_layers if needed else ()

    @property
    def hidden_layers(self) -> tuple[nn.Module, ...]:
        """The encoder's hidden activations, first layer first; none where the architecture does not name them."""
        return tuple(getattr(self.encoder, "hidden_layers", ()))

    def hidden_sizes(self) -> list[int]:
        """Numbers a sample that each hidden layer of the encoder gives, found by one pass of zeros."""
        activations: list[Tensor] = []
        was_training = self.training
        self.eval()
        with torch.no_grad(), _recorded(self.hidden_layers, activations):
            self.encoder(torch.zeros(1, *self.event.shape))
        self.train(was_training)
        return [layer.numel() for layer in activations]

    def penalty_state(self, number: int) -> nn.Module | None:
        """The module of the penalty at ``number``, None where it has none."""
        return self.penalty_states[number] if self._stateful[number] else None

    def encode(self, x: Tensor, context: Context | None = None) -> Encoded:
        """x (batch, *event) -> the code; without a context that has a generator, deterministic."""
        h = _full(self.encoder(x))
        encoded = self.parts.code(h, context or Context(), self.code_state)
        encoded.h = h
        return encoded

    def decode(self, z: Tensor) -> Tensor:
        """z (batch, code) -> the decoder's output (batch, *output_shape)."""
        return _full(self.decoder(z))

    def mean(self, output: Tensor) -> Tensor:
        """The reconstruction in model space that an output stands for."""
        return self.parts.loss.mean(output, event=self.event)

    def nll(self, output: Tensor, x: Tensor, mask: Tensor | None) -> Tensor:
        """(batch,) the loss in nats per sample."""
        return self.parts.loss(output, x, mask=mask, event=self.event, state=self.loss_state)

    def reconstruct(self, x: Tensor, *, steps: int = 1) -> Tensor:
        """x (batch, *event) -> reconstruction in model space, deterministic in evaluation mode.

        With more than one step the reconstruction is reconstructed again, the way that the corruption knows best.
        """
        if steps == 1 or self.parts.corruption is None:
            return iterated(x, self._once, steps=steps)
        return self.parts.corruption.denoised(x, self._once, steps=steps)

    def _once(self, x: Tensor) -> Tensor:
        return self.mean(self.decode(self.encode(x).z))

    def forward(self, batch: Batch, context: Context) -> Forward:
        """One pass: damage the input, encode, decode."""
        x_corrupt = batch.x
        if self.parts.corruption is not None and context.generator is not None:
            x_corrupt = self.parts.corruption(batch.x, context, mask=batch.mask, event=self.event)
        activations: list[Tensor] = []
        with _recorded(self._watched, activations):
            encoded = self.encode(x_corrupt, context)
        return Forward(
            x=batch.x,
            x_corrupt=x_corrupt,
            mask=batch.mask,
            labels=batch.labels,
            encoded=encoded,
            output=self.decode(encoded.z),
            network=self,
            context=context,
            activations=activations,
        )


@dataclass(frozen=True)
class BetweenSteps:
    """What parts see between two steps of a training, when they may change weights by hand.

    step : steps done. optimizer : whose state for changed weights they should reset. context : of the step before.
    """

    network: Composition
    optimizer: torch.optim.Optimizer
    context: Context
    step: int


def by_blocks(function: Callable[[Tensor], Tensor], x: Tensor, *, network: nn.Module) -> Tensor:
    """``function`` of x (n, ...) in blocks of one fixed size, the last one filled up with zeros.

    Matrix products of another number of rows may round differently, so a row's result would depend on the rows
    beside it. With blocks of one size it does not, to the bit. The size is small for large networks, where a
    block of one row would otherwise be dear, and large for small ones, where calls are.
    """
    size = (
        SMALL_NETWORK_ROWS
        if sum(map(Tensor.numel, network.parameters())) < SMALL_NETWORK
        else LARGE_NETWORK_ROWS
    )
    if not len(x):
        return function(x)
    results = []
    for block in torch.split(x, size):
        missing = size - len(block)
        filled = torch.cat([block, block.new_zeros(missing, *block.shape[1:])]) if missing else block
        results.append(function(filled)[: len(block)])
    return torch.cat(results)


def _full(x: Tensor) -> Tensor:
    """Codes and losses are computed in float32 whatever the layers were computed in."""
    return x.float() if x.dtype == torch.bfloat16 else x


@contextmanager
def _recorded(layers: Sequence[nn.Module], outputs: list[Tensor]) -> Iterator[None]:
    """What the layers give inside the block, in order, appended to ``outputs``."""

    def record(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        outputs.append(output)

    handles = [layer.register_forward_hook(record) for layer in layers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
