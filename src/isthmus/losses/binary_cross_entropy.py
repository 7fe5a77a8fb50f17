"""Bernoulli likelihood."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional as F

from isthmus.errors import sentence
from isthmus.losses.loss import Loss

if TYPE_CHECKING:
    from torch import Tensor, nn

    from isthmus.types import Event


@dataclass
class BinaryCrossEntropy(Loss):
    """Cross-entropy of independent Bernoulli entries; the decoder's output are logits.

    Values strictly between 0 and 1 are read as probabilities (Hinton and Salakhutdinov 2006), which makes the
    sum a cross-entropy and no likelihood.

    Call: output, x (batch, *event) -> (batch,) nats. Random: nothing.
    Raises: DataError at fit when x leaves [0, 1].
    """

    alias = "bce"
    on_logits = True

    def refusals(self, low: float, high: float) -> Iterator[str]:
        if low < 0 or high > 1:
            yield sentence(
                "data under the bce loss",
                "in [0, 1]",
                (round(low, 6), round(high, 6)),
                "scale them (scaling='minmax') or use loss='mse'",
            )

    def __call__(
        self, output: Tensor, x: Tensor, *, mask: Tensor | None, event: Event, state: nn.Module | None
    ) -> Tensor:
        entries = F.binary_cross_entropy_with_logits(output, x, reduction="none")
        if mask is not None:
            entries = entries * mask
        return entries.flatten(1).sum(1)

    def with_gradient(
        self, output: Tensor, x: Tensor, *, mask: Tensor | None, event: Event, state: nn.Module | None
    ) -> tuple[Tensor, Tensor]:
        gradient = torch.sigmoid(output) - x
        if mask is not None:
            gradient = gradient * mask
        return self(output, x, mask=mask, event=event, state=state), gradient

    def mean(self, output: Tensor, *, event: Event) -> Tensor:
        return torch.sigmoid(output)
