"""Two terms of an objective that pull on one tensor, made to pull equally hard."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

#: Steps between two measurements, and the memory of the running means from one measurement to the next.
INTERVAL = 16
MEMORY = 0.9


class GradientBalance(nn.Module):
    """Running mean squares of two gradients by the same tensor, and the factor that makes the second as long.

    The first gradient is that of the data's own loss, the second that of the term to be balanced. Their ratio does not
    depend on the units of either term, nor on constants in them, which values do. It is measured every ``INTERVAL``
    steps of a training, never in evaluation; younger means remember less, so that the first gradients, long in both
    terms, are soon forgotten.

    Saved with the model: ``squares`` (2,), mean squared lengths per row; ``steps``, how many were seen.
    References: Chen et al. (2018), arXiv:1711.02257, section 3.1, who learn factors with which the gradients' norms
    at the shared weights agree. Deviations: the norms are taken at the tensor where the two terms meet, which needs no
    pass through the network, and the factor is their ratio, which is where the learned one would settle.
    """

    squares: Tensor
    steps: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("squares", torch.zeros(2))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        self._count: int | None = None
        #: The factor with the tensor and its version that it was computed from.
        self._known: tuple[Tensor, int, Tensor] | None = None

    def step(self) -> bool:
        """Count one step of a training; True when gradients are to be measured in it."""
        if self._count is None:  # read from the device once, not every step
            self._count = int(self.steps)
        due = self._count % INTERVAL == 0
        self._count += 1
        self.steps += 1
        return due

    @torch.no_grad()
    def observe(self, data: Tensor, term: Tensor) -> None:
        """Take in two gradients of sums over rows, each (rows, ...), in a step for which :meth:`step` was True.

        Rows without a gradient count as well; the two may be of different numbers of rows.
        """
        seen = (self._count or 1) // INTERVAL
        memory = min(MEMORY, seen / (seen + 1.0))
        means = torch.stack([gradient.square().sum() / max(len(gradient), 1) for gradient in (data, term)])
        self.squares.lerp_(means.to(self.squares), 1.0 - memory)

    def factor(self) -> Tensor:
        """What the second term is to be multiplied by, a scalar; 1 before anything was measured."""
        squares = self.squares
        if self._known is not None and self._known[0] is squares and self._known[1] == squares._version:
            return self._known[2]
        data, term = squares
        ratio = (data / term.clamp(min=torch.finfo(term.dtype).tiny)).sqrt()
        factor = torch.where(term > 0, ratio, torch.ones_like(ratio))
        self._known = squares, squares._version, factor
        return factor

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        super()._load_from_state_dict(*args, **kwargs)
        self._count = None
