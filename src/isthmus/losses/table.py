"""A table whose columns have each their own term."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from torch import nn
from torch.nn import functional as F

from isthmus.losses.loss import Loss

if TYPE_CHECKING:
    from torch import Tensor

    from isthmus.types import Event


class _Segments(nn.Module):
    """Which entries of a row are numeric, and to which categorical column the others belong."""

    numeric: Tensor
    categorical: Tensor
    column: Tensor

    def __init__(self, event: Event) -> None:
        super().__init__()
        levels = [column for column in event.columns if column.kind == "categorical"]
        indicators = [
            entry for column in levels for entry in range(column.start, column.start + column.width)
        ]
        owners = [number for number, column in enumerate(levels) for _ in range(column.width)]
        inside = set(indicators)
        rest = [entry for entry in range(event.size) if entry not in inside]
        self.columns = len(levels)
        for name, entries in (("numeric", rest), ("categorical", indicators), ("column", owners)):
            self.register_buffer(name, torch.tensor(entries, dtype=torch.int64), persistent=False)


@dataclass
class Table(Loss):
    """Squared or Huber error for numeric columns, cross-entropy over the levels of categorical ones.

    Parameters
    ----------
    numeric : ``mse`` (half the squared error) or ``huber`` (delta 1), standardised units.

    Every known column adds its nats; an unknown one adds nothing. Data without columns are all numeric.
    Call: output, x (batch, entries) -> (batch,) nats, output being logits where a column is categorical.
    ``mean`` gives level probabilities there.
    """

    alias = "table"

    numeric: Literal["mse", "huber"] = "mse"

    def state(self, event: Event) -> nn.Module:
        return _Segments(event)

    def __call__(
        self, output: Tensor, x: Tensor, *, mask: Tensor | None, event: Event, state: nn.Module | None
    ) -> Tensor:
        segments = state if isinstance(state, _Segments) else _Segments(event).to(x.device)
        output, x = output.flatten(1), x.flatten(1)
        mask = None if mask is None else mask.flatten(1)
        total = self._numeric_nats(output, x, mask, segments)
        if segments.columns:
            total = total + self._categorical_nats(output, x, mask, segments)
        return total

    def _numeric_nats(self, output: Tensor, x: Tensor, mask: Tensor | None, segments: _Segments) -> Tensor:
        entries = segments.numeric
        if len(entries) == x.shape[1]:
            given, target, known = output, x, mask
        else:
            given, target = output[:, entries], x[:, entries]
            known = None if mask is None else mask[:, entries]
        loss = F.huber_loss if self.numeric == "huber" else F.mse_loss
        nats = loss(given, target, reduction="none") * (1.0 if self.numeric == "huber" else 0.5)
        return (nats if known is None else nats * known).sum(1)

    def _categorical_nats(
        self, output: Tensor, x: Tensor, mask: Tensor | None, segments: _Segments
    ) -> Tensor:
        logits, target = output[:, segments.categorical], x[:, segments.categorical]
        owner = segments.column.expand(logits.shape[0], -1)
        shape = (logits.shape[0], segments.columns)
        # log-sum-exp within each column, made safe by the column's largest logit.
        largest = logits.new_full(shape, -torch.inf).scatter_reduce(1, owner, logits.detach(), "amax")
        total = logits.new_zeros(shape).scatter_add(1, owner, (logits - largest.gather(1, owner)).exp())
        log_probability = logits - (largest + total.log()).gather(1, owner)
        nats = -target * log_probability
        if mask is not None:
            nats = nats * mask[:, segments.categorical]
        return nats.sum(1)

    def mean(self, output: Tensor, *, event: Event) -> Tensor:
        levels = [column for column in event.columns if column.kind == "categorical"]
        if not levels:
            return output
        mean = output.clone()
        for column in levels:
            mean[:, column.entries] = torch.softmax(output[:, column.entries], dim=1)
        return mean
