"""A code whose derivative by the input is small and changes slowly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import torch
from torch import Tensor

from isthmus.nn.tangents import CodeJacobian, linearized
from isthmus.penalties.contractive import Estimate, Probes, closed_form, squares
from isthmus.penalties.penalty import Penalty
from isthmus.spec import In

if TYPE_CHECKING:
    from torch import nn

    from isthmus.types import Forward


@dataclass
class ContractiveHessian(Penalty):
    """|J(x)|^2 + hessian E|J(x) - J(x + e)|^2, e ~ N(0, std^2 I): first and, by differences, second derivatives.

    Parameters
    ----------
    weight : in [0, inf), nats per unit of squared norm: lambda of the paper.
    hessian : in [0, inf), weight of the difference beside the norm: gamma / lambda of the paper.
    std : in (0, inf), standard deviation of the displacements, in model units. Small ones make the difference
        std^2 times the squared norm of the Hessian.
    samples : displacements a row and step; a further pass through the encoder each.
    estimate : see :class:`isthmus.penalties.Contractive`. Hutchinson's estimate looks at J(x) and at its displaced
        counterpart in the same random direction, a new one for each displacement.

    Unknown entries are not displaced, and derivatives by them do not count. Without a generator (validation)
    displacements and directions are fixed.
    Call: (batch,). Random: ``samples`` normal numbers an entry, and signs, from ``context``.
    Gradient: exact for the value given.
    References: Rifai et al. (2011), Higher order contractive auto-encoder, ECML PKDD, section 3 (CAE+H).
    Deviations: any depth and activation; the estimate; gamma is given as a multiple of lambda.
    """

    needs = frozenset({"activations"})

    weight: Annotated[float, In("[0, inf)")] = 0.1
    hessian: Annotated[float, In("[0, inf)")] = 1.0
    std: Annotated[float, In("(0, inf)")] = 0.1
    samples: Annotated[int, In("[1, inf)")] = 1
    estimate: Estimate = "auto"

    def __call__(self, forward: Forward, state: nn.Module | None) -> Tensor:
        trained = torch.is_grad_enabled()
        network: Any = forward.network
        with torch.enable_grad():
            here = linearized(
                network, forward.x_corrupt, h=forward.encoded.h, activations=forward.activations
            )
            there = [linearized(network, x) for x in self._displaced(forward)]
            factors = None if self.estimate == "hutchinson" else here.factors()
            if factors is None:
                value = self._seen(forward, here, there)
            else:
                value = closed_form(*factors, forward.mask)
                for slopes, weight in filter(None, (jacobian.factors() for jacobian in there)):
                    bent = closed_form(factors[0] - slopes, weight, forward.mask)
                    value = value + self.hessian / self.samples * bent
        return value if trained else value.detach()

    def _displaced(self, forward: Forward) -> list[Tensor]:
        """``samples`` times the input with noise at its known entries."""
        x = forward.x_corrupt
        if forward.context.generator is None:
            generator = torch.Generator().manual_seed(0)
            noise = torch.randn(self.samples, 1, *x.shape[1:], generator=generator).to(x)
        else:
            noise = forward.context.normal(x.new_empty(len(x), self.samples, *x.shape[1:])).transpose(0, 1)
        noise = noise * self.std
        return [x + (one if forward.mask is None else one * forward.mask) for one in noise]

    def _seen(self, forward: Forward, here: CodeJacobian, there: list[CodeJacobian]) -> Tensor:
        mask = forward.mask
        probes = Probes.drawn(here, forward.context, self.estimate, self.samples, len(forward.x))
        looked = [probes.seen(here, vectors, mask) for vectors in probes.parts]
        value = forward.z.new_zeros(len(forward.x))
        for seen in looked:
            value = value + probes.share * squares(seen)
        for number, jacobian in enumerate(there):
            # Single random directions belong to one displacement each, complete sets of them to all.
            places = [number] if probes.paired else range(len(looked))
            for place in places:
                moved = probes.seen(jacobian, probes.parts[place], mask)
                share = 1.0 if probes.paired else probes.share
                value = value + self.hessian / self.samples * share * squares(looked[place] - moved)
        return value
