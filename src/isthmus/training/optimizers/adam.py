"""Adaptive moments."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import torch

from isthmus.spec import In
from isthmus.training.optimizers.optimizer import Optimizer

if TYPE_CHECKING:
    from torch import nn


@dataclass
class Adam(Optimizer):
    """AdamW in PyTorch's fused form; without weight decay it is Adam.

    Parameters
    ----------
    weight_decay : decoupled, per unit of learning rate (Loshchilov and Hutter 2019).
    beta1, beta2 : in [0, 1), memory of the first and second moment.
    epsilon : in (0, inf), added to the root of the second moment.

    References: Kingma and Ba (2015), algorithm 1.
    """

    alias = "adam"
    peak_learning_rate = 1e-3
    elementwise = True

    weight_decay: Annotated[float, In("[0, inf)")] = 0.0
    beta1: Annotated[float, In("[0, 1)")] = 0.9
    beta2: Annotated[float, In("[0, 1)")] = 0.999
    epsilon: Annotated[float, In("(0, inf)")] = 1e-8

    def build(
        self, parameters: Iterable[tuple[str, nn.Parameter]], *, learning_rate: float
    ) -> torch.optim.Optimizer:
        return DirectAdamW(
            [parameter for _, parameter in parameters],
            lr=learning_rate,
            betas=(self.beta1, self.beta2),
            eps=self.epsilon,
            weight_decay=self.weight_decay,
            fused=True,
        )


class DirectAdamW(torch.optim.AdamW):
    """PyTorch's fused AdamW with a step that calls the fused kernel at once; the same state and the same bits.

    For one small tensor the wrappers around the kernel cost five times what it does. Step hooks are not called.
    """

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update of every parameter that has a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            parameters = [parameter for parameter in group["params"] if parameter.grad is not None]
            if not parameters:
                continue
            states = [self.state[parameter] or self._begun(parameter) for parameter in parameters]
            steps = [state["step"] for state in states]
            torch._foreach_add_(steps, 1)
            torch._fused_adamw_(
                parameters,
                [parameter.grad for parameter in parameters],
                [state["exp_avg"] for state in states],
                [state["exp_avg_sq"] for state in states],
                [],
                steps,
                lr=group["lr"],
                beta1=group["betas"][0],
                beta2=group["betas"][1],
                weight_decay=group["weight_decay"],
                eps=group["eps"],
                amsgrad=False,
                maximize=False,
            )
        return loss

    # PyTorch wraps the step of every optimizer class that does not say it is wrapped already.
    step.hooked = True  # type: ignore[attr-defined]

    def _begun(self, parameter: torch.Tensor) -> dict[str, torch.Tensor]:
        """The state of a parameter before its first step, as PyTorch's fused form keeps it."""
        state: dict[str, torch.Tensor] = self.state[parameter]
        state["step"] = torch.zeros((), dtype=torch.float32, device=parameter.device)
        state["exp_avg"] = torch.zeros_like(parameter, memory_format=torch.preserve_format)
        state["exp_avg_sq"] = torch.zeros_like(parameter, memory_format=torch.preserve_format)
        return state
