"""Penalties that are weighed against the data's own loss while training goes on."""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import torch
from torch import nn

from isthmus.nn.balance import GradientBalance
from isthmus.penalties.penalty import Penalty

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from isthmus.composition import Composition
    from isthmus.types import Forward

#: Rows of a batch in which the pull of the data on the code is measured; batches are shuffled, and the mean goes on
#: over many batches.
PULLED_ROWS = 64


@dataclass
class BalancedPenalty(Penalty, ABC):
    """A penalty on reconstructions whose weight need not be found by hand.

    Parameters
    ----------
    weight : in [0, inf), see ``balance``.
    balance : ``auto`` multiplies by a factor with which the penalty and the data's own loss pull equally hard at the
        decoder's output, measured while training goes on (:class:`isthmus.nn.balance.GradientBalance`), so that
        ``weight`` is their ratio whatever the unit of the data; ``fixed`` takes the weight as it is.

    The factor lives in the penalty's state, is saved with the model, and is told by :meth:`report`. In evaluation it is
    what it was at the end of the training.
    """

    couples_rows: ClassVar[bool] = True

    balance: Literal["auto", "fixed"] = field(default="auto", kw_only=True)

    def state(self, network: Composition) -> nn.ModuleDict:
        return nn.ModuleDict({"balance": GradientBalance()} if self.balance == "auto" else {})

    def report(self, state: nn.Module | None) -> dict[str, float]:
        """``factor``, what the balance has come to, and ``weight``, what the penalty is multiplied by in all."""
        balance = _balance(state)
        factor = 1.0 if balance is None else float(balance.factor())
        return {"factor": factor, "weight": self.weight * factor}

    def balanced(
        self,
        values: Tensor,
        forward: Forward,
        state: nn.Module | None,
        pull: Callable[[], Tensor],
        *,
        at_code: bool = False,
    ) -> Tensor:
        """values (batch,) times the factor.

        pull : gives the gradient of the sum of the values by the decoder's output, or ``at_code`` by the code,
        (batch, ...); called in some of the steps of a training, never in evaluation.
        """
        balance = _balance(state)
        if balance is None:
            return values
        if learning(forward, state) and balance.step():
            data = pull_at_code(forward) if at_code else pull_to(forward, forward.x)
            balance.observe(data, pull())
        return values * balance.factor()


def pull_to(forward: Forward, target: Tensor) -> Tensor:
    """(batch, ...) gradient of the composition's loss against ``target`` by the decoder's output."""
    network: Any = forward.network
    mask = None if forward.mask is None else forward.mask.flatten(1)
    gradient: Tensor = network.parts.loss.with_gradient(
        forward.output.detach().flatten(1),
        target.flatten(1),
        mask=mask,
        event=network.event,
        state=network.loss_state,
    )[1]
    return gradient


def pull_at_code(forward: Forward) -> Tensor:
    """(rows, code) gradient of the composition's loss by the codes of some rows: one pass more through the decoder."""
    network: Any = forward.network
    rows = slice(PULLED_ROWS)
    z = forward.z[rows].detach().requires_grad_()
    mask = None if forward.mask is None else forward.mask[rows]
    with torch.enable_grad():
        nats = network.nll(network.decode(z), forward.x[rows], mask)
    (gradient,) = torch.autograd.grad(nats.sum(), z)
    return gradient


def learning(forward: Forward, state: nn.Module | None) -> bool:
    """True in a pass of a training, when a state may change; False in evaluation."""
    return state is not None and state.training and forward.context.generator is not None


def _balance(state: nn.Module | None) -> GradientBalance | None:
    found = state["balance"] if isinstance(state, nn.ModuleDict) and "balance" in state else None
    return found if isinstance(found, GradientBalance) else None
