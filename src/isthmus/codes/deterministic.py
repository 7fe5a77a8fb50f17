"""The plain bottleneck."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from isthmus.codes.code import Code
from isthmus.nn.activations import activation
from isthmus.spec import In
from isthmus.types import Encoded

if TYPE_CHECKING:
    from torch import Tensor, nn

    from isthmus.types import Context


@dataclass
class Deterministic(Code):
    """The code is the encoder's output, through an activation where one is asked for.

    Parameters
    ----------
    size : numbers per code.
    activation : ``identity`` (linear code, as in Hinton and Salakhutdinov 2006) or a name of
        :data:`isthmus.nn.activations.ACTIVATIONS`.

    Call: h (batch, size) -> z (batch, size). Random: nothing.
    """

    elementwise: ClassVar[bool] = True

    size: Annotated[int, In("[1, inf)")]
    activation: Literal[
        "identity", "relu", "leaky_relu", "elu", "gelu", "silu", "softplus", "tanh", "sigmoid"
    ] = "identity"

    def __call__(self, h: Tensor, context: Context, state: nn.Module | None) -> Encoded:
        return Encoded(activation(self.activation)(h))
