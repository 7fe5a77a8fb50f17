"""A code that changes little where the input changes little."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import torch
from torch import Tensor

from isthmus.nn.tangents import CodeJacobian, linearized
from isthmus.penalties.penalty import Penalty
from isthmus.spec import In

if TYPE_CHECKING:
    from torch import nn

    from isthmus.types import Context, Forward

#: Directions that are carried through the network together, and the most that evaluation looks along.
TOGETHER = 32

Estimate = Literal["auto", "exact", "hutchinson"]


@dataclass
class Contractive(Penalty):
    """Squared Frobenius norm of the code's derivative by the input, at the input that was encoded.

    Parameters
    ----------
    weight : in [0, inf), nats per unit of squared norm.
    estimate : ``exact``: in closed form for one linear layer under an elementwise code, sum over j of
        f'(a_j)^2 |W_j|^2, else from all rows or columns of the Jacobian, as many products as the code or the input has
        numbers. ``hutchinson``: ``samples`` random products. ``auto``: exact where that takes no more products than
        ``samples`` or has the closed form, else Hutchinson's estimate.
    samples : random products a row and step.

    Hutchinson's estimate is |J'u|^2 with u random signs over the code (|Jv|^2 with v over the input where that is
    smaller); its mean over u is the squared norm, and its variance is twice the sum of the squared scalar products of
    different rows of J, so it is 0 for orthogonal rows. Without a generator (validation) it takes up to 32 fixed
    directions, which is exact for codes up to 32 numbers. Unknown entries are no inputs: derivatives by them do not
    count. Indicators of a categorical column count like any number. For a stochastic code it is the posterior's mean
    that is differentiated; layers with normalization or dropout act as in evaluation.

    A code may escape by being small: where the decoder has matrices of its own, a code of half the size that it reads
    with twice the weights costs a quarter. Use ``tied`` matrices, a bounded code, or
    :class:`isthmus.penalties.WeightDecay` on the decoder beside it.

    Call: (batch,). Random: one sign a number of the code (or input) and sample, from ``context``.
    Gradient: exact for the value given, through weights and slopes.
    References: Rifai et al. (2011), Contractive auto-encoders, ICML, sections 2 and 3 (the penalty and its closed form
    for sigmoid units); Hutchinson (1990), Communications in Statistics 19, for the estimate.
    Deviations: any depth and activation; the estimate.
    """

    needs = frozenset({"activations"})

    weight: Annotated[float, In("[0, inf)")] = 0.1
    estimate: Estimate = "auto"
    samples: Annotated[int, In("[1, inf)")] = 1

    def __call__(self, forward: Forward, state: nn.Module | None) -> Tensor:
        trained = torch.is_grad_enabled()
        network: Any = forward.network
        with torch.enable_grad():
            jacobian = linearized(
                network, forward.x_corrupt, h=forward.encoded.h, activations=forward.activations
            )
            factors = None if self.estimate == "hutchinson" else jacobian.factors()
            if factors is not None:
                squared = closed_form(*factors, forward.mask)
            else:
                probes = Probes.drawn(jacobian, forward.context, self.estimate, self.samples, len(forward.x))
                squared = forward.z.new_zeros(len(forward.x))
                for vectors in probes.parts:
                    one = squares(probes.seen(jacobian, vectors, forward.mask)) * probes.share
                    squared = squared + (one if trained else one.detach())
        return squared if trained else squared.detach()


def closed_form(slopes: Tensor, weight: Tensor, mask: Tensor | None) -> Tensor:
    """(batch,) squared norm of diag(slopes) weight, of its columns of known entries only.

    slopes (batch, out), weight (out, in), mask (batch, *event).
    """
    lengths = weight.square()
    if mask is None:
        return slopes.square() @ lengths.sum(1)
    return (slopes.square() * (mask.flatten(1).to(weight.dtype) @ lengths.t())).sum(1)


def squares(seen: Tensor) -> Tensor:
    """(samples, batch, n) -> (batch,) sums of squares."""
    return seen.float().square().sum((0, 2)) if seen.dtype == torch.bfloat16 else seen.square().sum((0, 2))


@dataclass(frozen=True)
class Probes:
    """Directions in which Jacobians are looked at, the same for all Jacobians of one call.

    parts : (directions, batch, n) each. share : by which squares are multiplied. backwards : directions of the code,
    else of the input. paired : each part is an estimate by itself.
    """

    parts: list[Tensor]
    share: float
    backwards: bool
    paired: bool

    @classmethod
    def drawn(
        cls, jacobian: CodeJacobian, context: Context, estimate: Estimate, samples: int, batch: int
    ) -> Probes:
        """Directions for one batch, on the smaller side of the Jacobian: see :class:`Contractive`."""
        size = min(jacobian.inputs, jacobian.outputs)
        backwards = jacobian.outputs <= jacobian.inputs
        like = jacobian.h
        evaluated = context.generator is None
        if (
            estimate == "exact"
            or (estimate == "auto" and size <= samples)
            or (evaluated and size <= TOGETHER)
        ):
            units = torch.eye(size, dtype=like.dtype, device=like.device)
            parts = [unit[:, None, :].expand(-1, batch, -1) for unit in torch.split(units, TOGETHER)]
            return cls(parts, 1.0, backwards, paired=False)
        if evaluated:
            generator = torch.Generator().manual_seed(0)
            signs = 2.0 * torch.randint(2, (TOGETHER, 1, size), generator=generator) - 1.0
            return cls([signs.to(like).expand(-1, batch, -1)], 1.0 / TOGETHER, backwards, paired=False)
        bits = context.bits(like.new_empty(batch, samples * size))
        signs = torch.ge(bits, 0, out=like.new_empty(bits.shape)).mul_(2.0).sub_(1.0)
        parts = list(torch.split(signs.view(batch, samples, size).transpose(0, 1), 1))
        return cls(parts, 1.0 / samples, backwards, paired=True)

    def seen(self, jacobian: CodeJacobian, vectors: Tensor, mask: Tensor | None) -> Tensor:
        """(directions, batch, n) products of a Jacobian, restricted to known entries, with one of the parts."""
        known = None if mask is None else mask.flatten(1).to(vectors.dtype)
        if self.backwards:
            pulled = jacobian.pull(vectors)
            return pulled if known is None else pulled * known
        return jacobian.push(vectors if known is None else vectors * known)
