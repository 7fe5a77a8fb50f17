"""Numbers below the normal ones, with which processors are slow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

if TYPE_CHECKING:
    from torch.optim import Optimizer

#: Steps between two looks, and what counts as 0 in them. A moment that halves in seven steps, Adam's, does not become
#: subnormal in between: float32 has no normal number below 1.2e-38.
INTERVAL = 64
LEAST = 1e-35


@torch.no_grad()
def flush(optimizer: Optimizer, step: int) -> None:
    """Set to 0 what has all but vanished in an optimizer's running means, every ``INTERVAL`` steps.

    The mean gradient of a weight that gets none any more, of a dead unit or a pixel that is always black, halves again
    and again until rounding stops it among the subnormal numbers, where it stays and every later step is many times
    slower. What is set to 0 here is too small to change a weight. It depends on the number of the step alone, so a
    resumed training goes on as the whole one. Accelerators are not slow with subnormal numbers and are left alone.
    """
    if step % INTERVAL:
        return
    for state in optimizer.state.values():
        for value in state.values():
            if isinstance(value, Tensor) and value.ndim and value.dtype == torch.float32 and value.is_cpu:
                value.copy_(F.hardshrink(value, LEAST))
