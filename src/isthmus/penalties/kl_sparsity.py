"""Sparsity by a target activity of every unit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from isthmus.errors import ParameterError, sentence
from isthmus.nn.multiplier import Multiplier, RunningMean
from isthmus.penalties.penalty import Penalty
from isthmus.spec import In

if TYPE_CHECKING:
    from isthmus.composition import Composition
    from isthmus.types import Forward

#: Running activities stay so far from 0 and 1, where the divergence is infinite.
EDGE = 1e-6
#: With ``reach`` the weight is raised until the mean activity is within this factor of its target.
NEAR = 1.05


@dataclass
class KLSparsity(Penalty):
    """Divergence of each unit's mean activity from a small target, summed over units.

    The penalty is sum_j KL(rho || rho_j), KL(a || b) = a log(a / b) + (1 - a) log((1 - a) / (1 - b)), with rho the
    target and rho_j the mean of unit j over rows. A batch has too few rows for a small mean, so rho_j is the running
    mean over batches, and the gradient goes through this batch's mean as if that were it (straight through).

    Parameters
    ----------
    weight : in [0, inf), nats; with ``reach`` what it starts from.
    activity : in (0, 1), the target rho.
    on : ``code`` or every ``hidden`` layer of the encoder.
    memory : in [0, 1), what is left of a batch's share in the mean after the next batch; 0 uses this batch alone.
    reach : raise the weight until the mean activity is within 5 % of the target, and lower it when it is nearer.

    Activities must lie in (0, 1), so the activation must be ``sigmoid``; ``tanh`` is read as (1 + a) / 2. Every number
    that a layer gives is a unit, so is every position of a feature map.

    Call: (batch,), the same number in every row. Random: nothing. State: the running means and the weight's factor,
    updated in training passes; evaluation uses the means of the rows it is given.
    References: Ng (2011), CS294A lecture notes "Sparse autoencoder", section 3 (the penalty, and tanh); the running
    mean: Hinton (2010), "A practical guide to training restricted Boltzmann machines", section 11. The idea: Lee,
    Ekanadham and Ng (2007), NIPS 20, equation 5, with squares instead of divergences.
    Deviations: means over batches instead of the whole data; ``reach`` is ours.
    Raises: ParameterError for activations that do not lie in (0, 1).
    """

    needs = frozenset({"activations"})
    couples_rows = True
    #: The value stands at the running mean, the gradient goes through the batch's.
    exact_gradient = False

    weight: Annotated[float, In("[0, inf)")] = 1.0
    activity: Annotated[float, In("(0, 1)")] = 0.05
    on: Literal["code", "hidden"] = "code"
    memory: Annotated[float, In("[0, 1)")] = 0.9
    reach: bool = True

    def state(self, network: Composition) -> nn.Module | None:
        self._squashing(network)
        units = network.parts.code.size if self.on == "code" else sum(network.hidden_sizes())
        if not units:
            raise ParameterError(
                "KLSparsity(on='hidden') needs an encoder with hidden layers: add some or use on='code'."
            )
        state = nn.Module()
        state.mean = RunningMean((units,), self.memory)
        state.factor = Multiplier()
        state.register_buffer("offset", torch.zeros(()))
        return state

    def __call__(self, forward: Forward, state: nn.Module | None) -> Tensor:
        rows = len(forward.z)
        if not rows:
            return forward.z.new_zeros(0)
        squashing = self._squashing(cast(Any, forward.network))
        layers = [forward.z] if self.on == "code" else list(forward.activations)
        if squashing == "unknown" and any(layer.min() < 0 or layer.max() > 1 for layer in layers):
            self._refuse("ones outside [0, 1]")
        trained = forward.context.generator is not None
        means = _means(layers)
        if squashing == "tanh":
            means = 0.5 * (1 + means)
        if trained:
            running = cast(RunningMean, state.mean)  # type: ignore[union-attr]
            running.update(means, rows)
            means = running().to(means.dtype)
        means = means.clamp(EDGE, 1 - EDGE)
        factor = self._factor(state)
        slope = (0.5 if squashing == "tanh" else 1.0) * factor * self._slope(means)
        value = cast(Tensor, _OfMeans.apply(factor * self._divergence(means), slope, *layers))  # type: ignore[no-untyped-call]
        if self.reach and trained:
            self._adapt(cast(Any, state), means, forward.context.progress)
        return value.expand(rows)

    @torch.no_grad()
    def _adapt(self, state: Any, running: Tensor, progress: float) -> None:
        """Raise the weight while the mean activity stays on one side of its target, farther than asked.

        A weight that is too large makes activities swing around the target, and must not grow from that.
        """
        signed = (running.float().mean() / self.activity).log()
        state.offset.lerp_(signed, 0.05)
        away = signed * state.offset.sign()
        # Counted several times: what is asked is a matter of percents, not of factors.
        state.factor.update(4.0 * (away - math.log(NEAR)), progress)

    def _factor(self, state: Any) -> Tensor | float:
        factor: Tensor | float = state.factor() if self.reach else 1.0
        return factor

    def _divergence(self, means: Tensor) -> Tensor:
        target = self.activity
        entropy = target * math.log(target) + (1 - target) * math.log1p(-target)
        return (entropy - target * means.log() - (1 - target) * torch.log1p(-means)).sum()

    def _slope(self, means: Tensor) -> Tensor:
        """The derivative of the divergence by each mean."""
        return (means - self.activity).div_(torch.addcmul(means, means, means, value=-1.0))

    def _squashing(self, network: Composition) -> str:
        """The activation's name, ``unknown`` where a module of the user's does not say."""
        part: Any = network.parts.code if self.on == "code" else network.parts.architecture
        name: str = getattr(part, "activation", "unknown")
        if name not in ("sigmoid", "tanh", "unknown"):
            self._refuse(name)
        return name

    def _refuse(self, found: str) -> None:
        raise ParameterError(
            sentence(
                f"activations under KLSparsity(on={self.on!r})",
                "in (0, 1), from 'sigmoid' or 'tanh'",
                found,
                "set activation='sigmoid', or use L1",
            )
        )


@torch.no_grad()
def _means(layers: list[Tensor]) -> Tensor:
    """Layers, each (rows, ...) -> (units of all,) means over the rows."""
    # Means of few ones among many rows need more digits than bfloat16 has.
    dtype = torch.promote_types(layers[0].dtype, torch.float32)
    means = [layer.flatten(1).mean(0, dtype=dtype) for layer in layers]
    return means[0] if len(means) == 1 else torch.cat(means)


class _OfMeans(torch.autograd.Function):
    """A number of which only the derivative by the means of layers (rows, ...) over their rows is needed.

    ``slope`` (units of all,) is that derivative. The gradient by a layer is one row seen as many, not written out.
    """

    @staticmethod
    def forward(ctx: Any, value: Tensor, slope: Tensor, *layers: Tensor) -> Tensor:
        ctx.save_for_backward(slope)
        ctx.likes = [(layer.shape, layer.dtype) for layer in layers]
        return value.view_as(value)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        (slope,) = ctx.saved_tensors
        shares = (slope * (gradient / ctx.likes[0][0][0])).split(
            [shape[1:].numel() for shape, _ in ctx.likes]
        )
        found = [
            share.to(dtype).view(1, *shape[1:]).expand(shape)
            for share, (shape, dtype) in zip(shares, ctx.likes, strict=True)
        ]
        return None, None, *found
