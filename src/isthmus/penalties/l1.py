"""Sparsity by absolute values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from isthmus.errors import ParameterError
from isthmus.penalties.penalty import Penalty
from isthmus.spec import In

if TYPE_CHECKING:
    from torch import Tensor, nn

    from isthmus.types import Forward


@dataclass
class L1(Penalty):
    """Sum of absolute values of the code, or of every hidden layer of the encoder.

    Parameters
    ----------
    weight : in [0, inf), nats per unit of activity.
    on : ``code`` or ``hidden``.

    Call: (batch,) sums over units. Random: nothing. Gradient: the sign, 0 at 0.
    References: Olshausen and Field (1996), Nature 381, equation 3 with S(x) = |x|.
    Deviation: no scale sigma; it is absorbed in the weight.
    """

    needs = frozenset({"activations"})

    weight: Annotated[float, In("[0, inf)")] = 1e-3
    on: Literal["code", "hidden"] = "code"

    def __call__(self, forward: Forward, state: nn.Module | None) -> Tensor:
        layers = [forward.z] if self.on == "code" else list(forward.activations)
        if not layers:
            raise ParameterError(
                "L1(on='hidden') needs an encoder with hidden layers: add some or use on='code'."
            )
        return sum((layer.abs().flatten(1).sum(1) for layer in layers[1:]), layers[0].abs().flatten(1).sum(1))
