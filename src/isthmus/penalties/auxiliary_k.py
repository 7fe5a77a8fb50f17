"""Work for units that have stopped firing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, cast

import torch
from torch import Tensor, nn

from isthmus.errors import ParameterError, sentence
from isthmus.nn.dense import DenseChain, Reshape, TransposedLinear
from isthmus.penalties.penalty import Penalty
from isthmus.spec import In

if TYPE_CHECKING:
    from isthmus.composition import Composition
    from isthmus.types import Forward


#: Dead units used per row where neither the penalty nor the code says how many.
USED = 32


@dataclass
class AuxiliaryK(Penalty):
    """The loss that is left when dead units add what they can to the reconstruction; only they and their readers learn.

    A unit is dead when it was 0 in all of the last ``after`` training rows. The ``k`` dead units with the largest
    encoder outputs, rectified, are put into the code, and what they change in the decoder's output is added to the
    reconstruction, itself a constant here: they learn to explain the residual until they fire by themselves.

    Parameters
    ----------
    weight : in [0, inf), of the loss in nats.
    k : dead units used per row; None takes the code's own ``k`` where it has one, else 32.
    after : training rows without firing after which a unit counts as dead.

    Call: (batch,) nats; 0, and no work, while no unit is dead, and in evaluation. Random: nothing.
    Gradient: to the encoder through the dead units, to the decoder through their share of the output.
    State: for each unit the rows since it last fired. Of several processes the first one's rows are counted.
    References: Gao et al. (2024), arXiv:2406.04093, section 2.4 and appendix A.2, weight 1/32.
    Deviations: the change of the decoder's output stands for W z, so that any decoder and any loss will do; the
    gradient passes the rectifier, or a unit below 0 everywhere would get none here either; about as many dead units
    as a row has active ones, where the paper takes half the input's size: hundreds of units that share a residual each
    learn too little of it to fire (20,000 digits, 1000 tied units: 22 dead instead of 183).
    Raises: ParameterError for a code that is not as wide as the encoder's output.
    """

    #: The reconstruction it adds to is a constant, the decoder's bias has no part in it.
    exact_gradient = False

    weight: Annotated[float, In("[0, inf)")] = 1 / 32
    k: Annotated[int, In("[1, inf)")] | None = None
    after: Annotated[int, In("[0, inf)")] = 10_000

    def state(self, network: Composition) -> nn.Module | None:
        return Silence(width_of_units(network, "AuxiliaryK"))

    def __call__(self, forward: Forward, state: nn.Module | None) -> Tensor:
        silence = cast(Silence, state)
        rows = len(forward.z)
        nothing = forward.z.new_zeros(rows)
        if forward.context.generator is None or not rows:
            return nothing
        dead = (silence.rows > self.after).nonzero().squeeze(1)
        silence.update(forward.z)
        if not len(dead):
            return nothing
        network = cast(Any, forward.network)
        most = min(len(dead), self.k or getattr(network.parts.code, "k", USED))
        helping = _rectified(cast(Tensor, forward.encoded.h).index_select(1, dead), most)
        output = forward.output.detach() + _change(network, forward.z.detach(), dead, helping)
        nats: Tensor = network.nll(output, forward.x, forward.mask)
        return nats


def _rectified(h: Tensor, kept: int) -> Tensor:
    """The ``kept`` largest of each row of h (batch, n), rectified, the rest 0; the gradient passes the rectifier."""
    values, places = h.topk(kept, dim=1, sorted=False)
    # A unit below 0 in every row would otherwise get no gradient here either.
    values = values + (torch.relu(values) - values).detach()
    return torch.zeros_like(h).scatter(1, places, values)


class Silence(nn.Module):
    """For each unit the training rows since it was last not 0."""

    rows: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("rows", torch.zeros(size, dtype=torch.int64))

    @torch.no_grad()
    def update(self, z: Tensor) -> None:
        """z (batch, size): units that are 0 in every row have been silent for so many rows more."""
        self.rows.add_(len(z)).mul_((z == 0).all(0))


def width_of_units(network: Composition, asking: str) -> int:
    """The size of a code whose numbers are the encoder's outputs one by one; ParameterError for any other code."""
    code = network.parts.code
    if code.encoder_width != code.size:
        raise ParameterError(
            sentence(
                f"the code under {asking}",
                "one number for each of the encoder's",
                code,
                "use TopK, Deterministic or another code that does not double them",
            )
        )
    return code.size


def _change(network: Any, z: Tensor, places: Tensor, values: Tensor) -> Tensor:
    """(batch, *output) what the decoder's output gains from ``values`` (batch, len(places)) added at places of z."""
    matrix = only_matrix(network.decoder)
    if matrix is not None:
        change = values.to(matrix.dtype) @ matrix.index_select(1, places).t()
        return change.view(len(z), *network.output_shape)
    filled: Tensor = network.decode(z.index_add(1, places, values))
    return filled - cast(Tensor, network.decode(z))


def only_matrix(decoder: nn.Module) -> Tensor | None:
    """(outputs, code) the matrix of a decoder that is one linear layer, None for any other decoder."""
    if type(decoder) is not DenseChain:
        return None
    layers = [block for block in decoder.blocks if not isinstance(block, Reshape)]
    if len(layers) != 1:
        return None
    if isinstance(layers[0], TransposedLinear):
        return layers[0].source[0].weight.t()
    return layers[0].weight if isinstance(layers[0], nn.Linear) else None
