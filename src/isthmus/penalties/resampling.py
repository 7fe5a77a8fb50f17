"""New directions for units that have stopped firing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, cast

import torch
from torch import Tensor, nn

from isthmus.errors import ParameterError
from isthmus.nn.dense import TransposedLinear
from isthmus.penalties.auxiliary_k import only_matrix, width_of_units
from isthmus.penalties.l1 import reading_matrix
from isthmus.penalties.penalty import Penalty
from isthmus.spec import In

if TYPE_CHECKING:
    from isthmus.composition import BetweenSteps, Composition
    from isthmus.types import Forward


@dataclass
class Resampling(Penalty):
    """Every so many steps dead units are pointed at rows that are reconstructed badly, and begin anew.

    A unit is dead when it was 0 in all rows since the last time. Each dead unit draws a row of the batch with a
    probability that grows with the square of the row's loss. Where encoder and decoder are one layer each, the unit's
    direction is what the row's output lacks, minus the slope of the loss by the output; elsewhere it is what the
    encoder's last layer reads of the row. At length 1 it becomes the column that reads the unit in the decoder's first
    matrix, at ``scale`` times the mean length of the living units' rows the unit's row in the encoder's last one. Its
    bias is set so that the decoder's bias gives 0, and the optimiser forgets all these weights.

    Parameters
    ----------
    weight : 0 switches it off, anything else on; the penalty itself is always 0.
    every : steps between two times. scale : in (0, inf), of encoder rows against those of living units.
    until : in [0, 1], share of the training after which it stops, so that new units can still learn.

    Call: (batch,) zeros. Random: the rows drawn, from ``context``'s generator. State: which units have fired. No row of
    the data is kept beyond its step. Several processes take the first one's choices.
    References: Bricken et al. (2023), "Towards Monosemanticity", Transformer Circuits, appendix "Neuron resampling".
    Deviations: what a row lacks instead of the row itself, whose large part in common with all rows makes many new
    units fire at once and drives the loss up (on the digits it left more units dead than it revived), and so a scale
    of 0.5 instead of 0.2; losses are those of the running batch instead of 819,200 rows; a unit a row at most; a
    decoder of several layers gets the direction where its first layer mirrors the encoder's last one, else a random
    one; a tied decoder follows the encoder.
    Raises: ParameterError for a code that is not as wide as the encoder's output, or an encoder that ends otherwise.
    """

    needs = frozenset({"activations"})

    weight: Annotated[float, In("[0, inf)")] = 1.0
    every: Annotated[int, In("[1, inf)")] = 500
    scale: Annotated[float, In("(0, inf)")] = 0.5
    until: Annotated[float, In("[0, 1]")] = 0.7

    def state(self, network: Composition) -> nn.Module | None:
        last = _last_linear(network)
        reads = network.hidden_sizes()[-1] if network.hidden_layers else network.event.size
        if last.in_features != reads:
            raise ParameterError(
                f"Resampling needs an encoder whose last layer reads its last activations, but {reads} of them meet a "
                f"layer for {last.in_features}: use Dense or Conv."
            )
        reading_matrix(network)
        return Watch(width_of_units(network, "Resampling"))

    def __call__(self, forward: Forward, state: nn.Module | None) -> Tensor:
        watch = cast(Watch, state)
        rows = len(forward.z)
        if forward.context.generator is not None and rows:
            watch.update(forward.z)
            if watch.steps % self.every == 0 and forward.context.progress <= self.until:
                watch.seen = _seen(forward)
        return forward.z.new_zeros(rows)

    def between_steps(self, between: BetweenSteps, state: nn.Module | None) -> None:
        watch = cast(Watch, state)
        seen, watch.seen = watch.seen, None
        generator = between.context.generator
        if seen is None or generator is None or not self.weight:
            return
        dead = (~_agreed(watch.fired)).nonzero().squeeze(1)
        watch.fired.zero_()
        # One number a process, so that generators stay alike where processes have other numbers of rows.
        seed = torch.empty((), dtype=torch.int64, device=generator.device).random_(generator=generator)
        own = torch.Generator(generator.device).manual_seed(int(seed))
        if len(dead):
            self._point(between, dead, seen, own)

    @torch.no_grad()
    def _point(self, between: BetweenSteps, dead: Tensor, seen: Seen, generator: torch.Generator) -> None:
        """Give the dead units, no more of them than rows, directions of their own."""
        network = between.network
        # Two units from one row would stay equal for ever, so each row is drawn once.
        dead = dead[torch.randperm(len(dead), generator=generator, device=dead.device)[: len(seen.losses)]]
        rows = torch.multinomial(seen.losses.square().clamp_min(1e-30), len(dead), generator=generator)
        layer, offset = _last_linear(network), _offset(network)
        directions = seen.read[rows] if offset is None else seen.missing[rows]
        lengths = torch.linalg.vector_norm(directions, dim=1, keepdim=True)
        directions = _agreed(directions / lengths.clamp_min(1e-12))
        alive = torch.ones(len(layer.weight), dtype=torch.bool, device=dead.device)
        alive[dead] = False
        usual = torch.linalg.vector_norm(layer.weight[alive], dim=1).mean() if alive.any() else 1.0
        layer.weight[dead] = self.scale * usual * directions
        _forget(between.optimizer, layer.weight, dead, dim=0)
        if layer.bias is not None:
            layer.bias[dead] = 0.0 if offset is None else -(layer.weight[dead] @ offset)
            _forget(between.optimizer, layer.bias, dead, dim=0)
        reader = _first_linear(network)
        if reader is not None:
            if reader.out_features != directions.shape[1]:
                drawn = torch.empty(len(dead), reader.out_features, device=dead.device)
                directions = drawn.normal_(generator=generator)
                directions /= torch.linalg.vector_norm(directions, dim=1, keepdim=True)
            reader.weight[:, dead] = directions.t()
            _forget(between.optimizer, reader.weight, dead, dim=1)


@dataclass(frozen=True)
class Seen:
    """Rows of one step: what the encoder's last layer read, what the output lacks (minus the slope), the losses."""

    read: Tensor
    missing: Tensor
    losses: Tensor


def _seen(forward: Forward) -> Seen:
    network = cast(Any, forward.network)
    read = forward.activations[-1] if forward.activations else forward.x_corrupt
    with torch.enable_grad():
        output = forward.output.detach().requires_grad_()
        losses: Tensor = network.nll(output, forward.x, forward.mask)
        (slope,) = torch.autograd.grad(losses.sum(), output)
    return Seen(read.detach().flatten(1).float(), -slope.flatten(1).float(), losses.detach().float())


class Watch(nn.Module):
    """Which units have fired since the last resampling; for the length of one step, what that draws from."""

    fired: Tensor
    steps: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("fired", torch.zeros(size, dtype=torch.bool))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        self.seen: Seen | None = None

    @torch.no_grad()
    def update(self, z: Tensor) -> None:
        """z (batch, size) of one training pass."""
        self.steps += 1
        self.fired |= (z != 0).any(0)


def _last_linear(network: Composition) -> nn.Linear:
    layers = [module for module in network.encoder.modules() if isinstance(module, nn.Linear)]
    if not layers or layers[-1].out_features != network.parts.code.encoder_width:
        raise ParameterError("Resampling needs an encoder that ends in a linear layer: use Dense or Conv.")
    return layers[-1]


def _first_linear(network: Composition) -> nn.Linear | None:
    """The decoder's first layer with a matrix of its own; None where it is the encoder's, transposed."""
    for module in network.decoder.modules():
        if isinstance(module, TransposedLinear):
            return None
        if isinstance(module, nn.Linear):
            return module
    return None


def _offset(network: Composition) -> Tensor | None:
    """(features,) what a decoder of one layer gives for a code of zeros, where the encoder is one layer too."""
    layers = [
        module for module in network.decoder.modules() if isinstance(module, (nn.Linear, TransposedLinear))
    ]
    if network.hidden_layers or only_matrix(network.decoder) is None:
        return None
    return layers[0].bias


def _forget(optimizer: torch.optim.Optimizer, parameter: Tensor, places: Tensor, *, dim: int) -> None:
    """Set what the optimiser remembers of some rows or columns of a parameter to 0."""
    for owner, remembered in optimizer.state.items():
        if owner.untyped_storage().data_ptr() != parameter.untyped_storage().data_ptr():
            continue
        # The parameter itself, or one long tensor that it is a view of.
        start = parameter.storage_offset() - owner.storage_offset()
        if not 0 <= start <= owner.numel() - parameter.numel():
            continue  # a neighbour in the same storage
        for value in remembered.values():
            if isinstance(value, Tensor) and value.shape == owner.shape:
                own = value.as_strided(parameter.shape, parameter.stride(), value.storage_offset() + start)
                own.index_fill_(dim, places, 0.0)


def _agreed(value: Tensor) -> Tensor:
    """The first process's value, in every process."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        value = value.contiguous()
        torch.distributed.broadcast(value, 0)
    return value
