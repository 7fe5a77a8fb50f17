"""The k largest of each row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import torch
from torch import Tensor

from isthmus.codes.code import Code
from isthmus.nn.activations import ACTIVATIONS
from isthmus.spec import In
from isthmus.types import Encoded

if TYPE_CHECKING:
    from torch import nn

    from isthmus.types import Context


@dataclass
class TopK(Code):
    """The k largest numbers of the encoder's output, all others 0: a code of exactly k places.

    Parameters
    ----------
    size : numbers per code. k : numbers of a row that are kept in training, at most ``size``.
    k_inference : numbers that are kept without a generator; None keeps ``k``. A few times k makes better features for
        a classifier (section 2.3 of the paper: alpha k), reconstructions are best with k.
    activation : what kept numbers pass: ``identity``, as in the paper of 2013, or ``relu`` (Gao et al. 2024,
        equation 2), which leaves fewer than k where fewer than k are positive.

    Of equal numbers just so many are kept that there are k, the same ones each time.
    Call: h (batch, size) -> z (batch, size). Random: nothing. Gradient: through what is kept.
    References: Makhzani and Frey (2013), arXiv:1312.5663, section 2.1 (algorithm 1); Gao et al. (2024),
    arXiv:2406.04093, section 2.3.
    """

    elementwise = True

    size: Annotated[int, In("[1, inf)")]
    k: Annotated[int, In("[1, inf)")]
    k_inference: Annotated[int, In("[1, inf)")] | None = None
    activation: Literal["relu", "identity"] = "relu"

    def conflicts(self) -> Iterator[str]:
        for name in ("k", "k_inference"):
            if (getattr(self, name) or 1) > self.size:
                yield (
                    f"{name} of TopK must be at most size={self.size}, got {getattr(self, name)}: a code has no more "
                    f"numbers to keep."
                )

    def __call__(self, h: Tensor, context: Context, state: nn.Module | None) -> Encoded:
        kept = self.k if context.generator is not None else self.k_inference or self.k
        return Encoded(keep_largest(h, kept, activation=self.activation))


def keep_largest(h: Tensor, kept: int, *, activation: str = "identity", dim: int = 1) -> Tensor:
    """h with the ``kept`` largest numbers along an axis, through an activation, and 0 elsewhere."""
    values, places = h.topk(kept, dim=dim, sorted=False)
    return torch.zeros_like(h).scatter(dim, places, ACTIVATIONS[activation](values))
