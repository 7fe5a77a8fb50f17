"""What lies between two codes decodes to what lies between their outputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, cast

import torch

from isthmus.penalties.penalty import Penalty
from isthmus.spec import In

if TYPE_CHECKING:
    from torch import Tensor, nn

    from isthmus.composition import Composition
    from isthmus.types import Forward


@dataclass
class Interpolation(Penalty):
    """Half the squared distance of the decoder's output between two codes from the mean of its outputs at the two.

    Some pairs of codes lie on both sides of a gap in the data, so the decoder is told what to do inside it. What it is
    told depends on the loss, since outputs are what the loss reads: under ``bce`` they are logits, and the logits of an
    edge grow with the distance from it, so their mean is the edge half-way between two edges. Under ``mse`` the mean of
    two images is their blend, which is what gaps are filled with anyway.

    Parameters
    ----------
    weight : in [0, inf), nats per unit.

    Call: (batch,), of each row and the one before it in the batch, which is shuffled; 0 for a row alone. One pass more
    through the decoder. Random: nothing. Gradient: to decoder and codes.
    References: Berthelot, Raffel, Roy and Goodfellow (2019), arXiv:1807.07543, section 2, ask an adversary whether a
    decoded mixture of two codes is one; here its output is known.
    """

    couples_rows = True

    weight: Annotated[float, In("[0, inf)")] = 0.1

    def __call__(self, forward: Forward, state: nn.Module | None) -> Tensor:
        if len(forward.z) < 2:
            return forward.z.new_zeros(len(forward.z))
        network = cast("Composition", forward.network)
        output = forward.output.flatten(1)
        between = network.decode(0.5 * (forward.z + torch.roll(forward.z, 1, 0))).flatten(1)
        wanted = 0.5 * (output + torch.roll(output, 1, 0))
        return 0.5 * (between - wanted).square().sum(1)
