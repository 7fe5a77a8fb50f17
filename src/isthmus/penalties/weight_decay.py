"""Small matrices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import torch

from isthmus.errors import ParameterError
from isthmus.penalties.penalty import Penalty
from isthmus.spec import In

if TYPE_CHECKING:
    from torch import Tensor, nn

    from isthmus.composition import Composition
    from isthmus.types import Forward


@dataclass
class WeightDecay(Penalty):
    """Half the sum of squares of all matrices and convolution kernels, biases and normalization left out.

    Parameters
    ----------
    weight : in [0, inf), nats per unit.
    on : ``all``, or one half of the autoencoder only: ``encoder`` is the asymmetric penalty that lets a decoder bridge
        gaps in the training data, ``decoder`` keeps a code from being small.

    Call: (batch,), the same value for every row. Random: nothing. Gradient: weight times the matrix; the optimizer
    sees it like any gradient, which with Adam is not the decoupled decay of AdamW.
    Raises: ParameterError when that half has no matrices of its own, as a tied decoder.
    References: Krogh and Hertz (1992), NIPS 4, equation 2; ``encoder``: Newson et al. (2020), Journal of Mathematical
    Imaging and Vision 62, arXiv:1904.07099 (asymmetrical regularization).
    """

    weight: Annotated[float, In("[0, inf)")] = 1e-4
    on: Literal["all", "encoder", "decoder"] = "all"

    def state(self, network: Composition) -> nn.Module | None:
        if not self._matrices(network):
            raise ParameterError(
                f"WeightDecay finds no matrices on={self.on!r}: those of a tied decoder are the encoder's, "
                f"use on='encoder'."
            )
        return None

    def __call__(self, forward: Forward, state: nn.Module | None) -> Tensor:
        squares = [matrix.square().sum() for matrix in self._matrices(forward.network)]
        return (0.5 * torch.stack(squares).sum()).expand(len(forward.x))

    def _matrices(self, network: nn.Module) -> list[nn.Parameter]:
        halves = {"all": ("encoder", "decoder")}.get(self.on, (self.on,))
        parameters = [value for half in halves for value in getattr(network, half).parameters()]
        return [value for value in parameters if value.ndim > 1]
