"""Sparsity by absolute values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, cast

import torch
from torch import Tensor, nn

from isthmus.errors import ParameterError
from isthmus.nn.dense import TransposedLinear
from isthmus.nn.multiplier import Multiplier, excess
from isthmus.penalties.penalty import Penalty
from isthmus.spec import In

if TYPE_CHECKING:
    from isthmus.composition import Composition
    from isthmus.types import Forward

#: A number below this share of its layer's root mean square counts as inactive where nothing is exactly 0.
FAINT = 1e-2


@dataclass
class L1(Penalty):
    """Sum of absolute values of the code, or of every hidden layer of the encoder, at a weight or at a sparsity.

    Parameters
    ----------
    weight : in [0, inf), nats per unit of activity; with ``l0`` what it starts from.
    on : ``code`` or ``hidden``.
    l0 : in (0, inf), active units per row that are to be reached, over all penalised layers together: the weight is
        multiplied by a factor that follows the number measured. None keeps the weight.
    scaled : count each number of the code as often as the column of the decoder's first matrix that reads it is long.
        Otherwise a smaller code and a larger decoder give the same reconstruction at less cost.

    What is exactly 0 is inactive. Where a batch holds no exact zero, because the activation never gives one, numbers
    below 1 % of the layer's root mean square are.

    Call: (batch,) sums over units, times the factor. Random: nothing. Gradient: the sign, 0 at 0; the factor is a
    constant. State: the factor, updated after each training pass.
    References: Olshausen and Field (1996), Nature 381, equation 3 with S(x) = |x|; ``scaled``: Conerly et al. (2024),
    Transformer Circuits, April update, "Update on how we train SAEs".
    Deviations: no scale sigma, it is absorbed in the weight; ``l0`` is ours.
    Raises: ParameterError without hidden layers for ``on="hidden"``, or without a linear decoder layer for ``scaled``.
    """

    needs = frozenset({"activations"})

    weight: Annotated[float, In("[0, inf)")] = 1e-3
    on: Literal["code", "hidden"] = "code"
    l0: Annotated[float, In("(0, inf)")] | None = None
    scaled: bool = False

    def conflicts(self) -> Iterator[str]:
        if self.scaled and self.on == "hidden":
            yield "scaled of L1 weighs the code by what reads it: use on='code' with it."

    def state(self, network: Composition) -> nn.Module | None:
        if self.scaled:
            reading_matrix(network)
        return None if self.l0 is None else Multiplier()

    def __call__(self, forward: Forward, state: nn.Module | None) -> Tensor:
        layers = [forward.z] if self.on == "code" else list(forward.activations)
        if not layers:
            raise ParameterError(
                "L1(on='hidden') needs an encoder with hidden layers: add some or use on='code'."
            )
        values = _scaled_sum(forward) if self.scaled else _absolute_sum(layers)
        if not isinstance(state, Multiplier):
            return values
        weighted: Tensor = state() * values
        if forward.context.generator is not None and len(values):
            state.update(excess(active_units(layers), cast(float, self.l0)), forward.context.progress)
        return weighted


def _scaled_sum(forward: Forward) -> Tensor:
    lengths: Tensor = torch.linalg.vector_norm(reading_matrix(forward.network), dim=0)
    return forward.z.abs() @ lengths.to(forward.z.dtype)


def _absolute_sum(layers: Sequence[Tensor]) -> Tensor:
    sums: list[Tensor] = [
        torch.linalg.vector_norm(
            layer.flatten(1), ord=1, dim=1, dtype=torch.promote_types(layer.dtype, torch.float32)
        )
        for layer in layers
    ]
    return sums[0] if len(sums) == 1 else torch.stack(sums).sum(0)


@torch.no_grad()
def active_units(layers: Sequence[Tensor]) -> Tensor:
    """The mean over rows of the number of active units; layers (batch, ...)."""
    counts = [torch.count_nonzero(layer) for layer in layers]
    for place, (layer, count) in enumerate(zip(layers, counts, strict=True)):
        if count == layer.numel():
            threshold = FAINT * layer.float().square().mean().sqrt()
            counts[place] = (layer.abs() > threshold).sum()
    return torch.stack(counts).sum() / max(1, len(layers[0]))


def reading_matrix(network: nn.Module) -> Tensor:
    """(outputs, code) the matrix of the decoder's first layer. Raises ParameterError where that is not linear."""
    for module in network.decoder.modules():  # type: ignore[union-attr]
        if isinstance(module, TransposedLinear):
            return module.source[0].weight.t()
        if isinstance(module, nn.Linear):
            return module.weight
    raise ParameterError("the decoder has no linear layer that reads the code: use an architecture with one.")
