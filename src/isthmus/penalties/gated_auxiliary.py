"""What the gate of a gated code learns from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, cast

import torch
from torch import Tensor, nn

from isthmus.nn.multiplier import Multiplier, excess
from isthmus.penalties.auxiliary_k import width_of_units
from isthmus.penalties.l1 import active_units, reading_matrix
from isthmus.penalties.penalty import Penalty
from isthmus.spec import In

if TYPE_CHECKING:
    from isthmus.composition import Composition
    from isthmus.types import Forward


@dataclass
class GatedAuxiliary(Penalty):
    """Reconstruct from the rectified gate alone, through a decoder that learns nothing here, and keep the gate sparse.

    With h the encoder's output, the gate: nll(x, decode(relu(h))) + ``sparsity`` sum_j |d_j| relu(h_j), where d_j is
    the column of the decoder's first matrix that reads unit j, a constant like the whole decoder.

    Parameters
    ----------
    weight : in [0, inf), of both summands; 1 in the paper.
    sparsity : in [0, inf), nats per unit of the gate's activity; with ``l0`` what it starts from.
    l0 : in (0, inf), open gates per row that are to be reached: ``sparsity`` is multiplied by a factor that follows
        the number measured. None keeps it.

    Call: (batch,) nats. Random: nothing. Gradient: to the encoder only, that of the value as it stands.
    State: the factor, updated after each training pass.
    References: Rajamanoharan et al. (2024), arXiv:2404.16014, section 3.2, equation 8; the lengths of columns instead
    of columns of length 1: the authors' remark on that paper, after Conerly et al. (2024).
    Deviations: any decoder and loss; ``l0`` is ours.
    Raises: ParameterError for a code that is not as wide as the encoder's output.
    """

    #: The decoder is a constant here.
    exact_gradient = False

    weight: Annotated[float, In("[0, inf)")] = 1.0
    sparsity: Annotated[float, In("[0, inf)")] = 1e-2
    l0: Annotated[float, In("(0, inf)")] | None = None

    def state(self, network: Composition) -> nn.Module | None:
        width_of_units(network, "GatedAuxiliary")
        reading_matrix(network)
        return None if self.l0 is None else Multiplier()

    def __call__(self, forward: Forward, state: nn.Module | None) -> Tensor:
        gate = torch.relu(cast(Tensor, forward.encoded.h))
        lengths: Tensor = torch.linalg.vector_norm(reading_matrix(forward.network).detach(), dim=0)
        activity = self.sparsity * (gate @ lengths.to(gate.dtype))
        if isinstance(state, Multiplier):
            activity = state() * activity
            if forward.context.generator is not None and len(gate):
                state.update(excess(active_units([gate]), cast(float, self.l0)), forward.context.progress)
        return _through_frozen(forward, gate) + activity


def _through_frozen(forward: Forward, z: Tensor) -> Tensor:
    """(batch,) the loss of decoding z, whose gradient goes to z and to nothing else.

    The slope by z is found first; the product with it then carries the gradient, whatever the decoder is made of.
    """
    network = cast(Any, forward.network)
    if not z.requires_grad:
        nats: Tensor = network.nll(network.decode(z), forward.x, forward.mask)
        return nats.detach()
    with torch.enable_grad():
        leaf = z.detach().requires_grad_()
        nats = network.nll(network.decode(leaf), forward.x, forward.mask)
        (slope,) = torch.autograd.grad(nats.sum(), leaf)
    return nats.detach() + (slope * (z - z.detach())).sum(1)
