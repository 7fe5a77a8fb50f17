"""Finds where a training went to NaN or infinity."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from isthmus.errors import NonFiniteError

if TYPE_CHECKING:
    from collections.abc import Callable

    from isthmus.types import Batch, Context

#: On an accelerator looking at a number waits for the device, so it is done every so many steps only.
ACCELERATOR_INTERVAL = 32


def is_finite(loss: Tensor, step: int) -> bool:
    """False when the loss is not finite; accelerators are asked only every few steps."""
    if loss.device.type != "cpu" and step % ACCELERATOR_INTERVAL:
        return True
    return math.isfinite(loss.item())


def explain(
    objective: nn.Module, batch: Batch, context: Context, *, epoch: int, step: int, saved: str
) -> NonFiniteError:
    """The error that names term, layer and batch, from one more pass in which every layer is watched.

    saved : what became of the weights, as a clause.
    """
    where = _non_finite_parameter(objective) or _first_non_finite_layer(objective, batch, context)
    with torch.no_grad():
        terms = objective(batch, context)
    bad = [name for name, value in terms.items() if not torch.isfinite(value).all()]
    row = ""
    if bad and batch.rows is not None:
        number = int((~torch.isfinite(terms[bad[0]])).nonzero()[0])
        row = f" (first in row {int(batch.rows[number])})"
    term = f"term {bad[0]!r}" if bad else "the gradient"
    return NonFiniteError(
        f"{term} became NaN or infinite in epoch {epoch + 1}, batch {step + 1}{row}, first seen in {where}: {saved}; "
        f"try a learning rate ten times lower, gradient_clip=1.0, or data of smaller scale."
    )


def _non_finite_parameter(objective: nn.Module) -> str:
    for name, parameter in objective.named_parameters():
        if not torch.isfinite(parameter).all():
            return f"the weights of {name.removeprefix('network.')}"
    return ""


def _first_non_finite_layer(objective: nn.Module, batch: Batch, context: Context) -> str:
    """The first module, in order of execution, whose output is not finite."""
    found: list[str] = []

    def watch(name: str) -> Callable[..., None]:
        def look(module: nn.Module, inputs: Any, output: Any) -> None:
            if not found and isinstance(output, Tensor) and not torch.isfinite(output).all():
                found.append(name.removeprefix("network."))

        return look

    handles = [
        module.register_forward_hook(watch(name))
        for name, module in objective.named_modules()
        if not list(module.children())
    ]
    try:
        with torch.no_grad():
            objective(batch, context)
    finally:
        for handle in handles:
            handle.remove()
    return f"layer {found[0]}" if found else "the loss itself"
