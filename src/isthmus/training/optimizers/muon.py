"""Orthogonalised momentum."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import torch
from torch import Tensor

from isthmus.spec import In
from isthmus.training.optimizers.optimizer import Optimizer
from isthmus.training.precision import native_bfloat16

if TYPE_CHECKING:
    from torch import nn

# The best odd quintic polynomial of every step for singular values in [1e-3, 1] (Amsel et al. 2025, algorithm 1),
# and the safety factor that keeps them inside after rounding to bfloat16 (section 3.4).
_POLYNOMIALS = (
    (8.28721201814563, -23.595886519098837, 17.300387312530933),
    (4.107059111542203, -2.9478499167379106, 0.5448431082926601),
    (3.9486908534822946, -2.908902115962949, 0.5518191394370137),
    (3.3184196573706015, -2.488488024314874, 0.51004894012372),
    (2.300652019954817, -1.6689039845747493, 0.4188073119525673),
    (1.891301407787398, -1.2679958271945868, 0.37680408948524835),
    (1.8750014808534479, -1.2500016453999487, 0.3750001645474248),
)
_SAFETY = 1.01


@dataclass
class Muon(Optimizer):
    """Momentum whose matrix is replaced by the nearest orthogonal one; Adam for everything that is no matrix.

    Every direction of a layer learns at one speed, which deep autoencoders lack most: their error sits in
    directions of small gradient. Convolutions count as matrices (out, in x height x width).

    Parameters
    ----------
    momentum : in [0, 1), Nesterov's.
    weight_decay : decoupled, of matrices, per unit of learning rate.
    steps : of the iteration that orthogonalises; 5 leave singular values within about 12 % of 1.
    adam_ratio : learning rate of biases and scales (Adam, 0.9 and 0.99) over that of matrices.

    Matrices of one shape, a mirrored decoder's transposes among them, are iterated together as one stack, in
    bfloat16 where the processor multiplies it natively; ``torch.optim.Muon`` takes them one by one
    (``python -m benchmarks optimizers`` prints both). The step's polynomials are those of the Polar Express.
    References: Jordan et al. (2024), "Muon: an optimizer for hidden layers in neural networks"; Amsel et al.
    (2025), arXiv:2505.16932, algorithm 1; Liu et al. (2025), arXiv:2502.16982, section 2.2 (weight decay).
    Deviation: first and last layers are orthogonalised like the others, since an autoencoder's are dense maps too.
    """

    alias = "muon"
    peak_learning_rate = 0.02

    momentum: Annotated[float, In("[0, 1)")] = 0.95
    weight_decay: Annotated[float, In("[0, inf)")] = 0.0
    steps: Annotated[int, In("[1, 12]")] = 5
    adam_ratio: Annotated[float, In("(0, inf)")] = 0.1

    def build(
        self, parameters: Iterable[tuple[str, nn.Parameter]], *, learning_rate: float
    ) -> torch.optim.Optimizer:
        values = [parameter for _, parameter in parameters]
        shared = {"lr": learning_rate}
        groups = [
            {"params": [value for value in values if value.ndim >= 2], "rule": "muon"} | shared,
            {"params": [value for value in values if value.ndim < 2], "rule": "adam"} | shared,
        ]
        return OrthogonalMomentum(
            [group for group in groups if group["params"]],
            momentum=self.momentum,
            weight_decay=self.weight_decay,
            steps=self.steps,
            adam_ratio=self.adam_ratio,
        )

    def multiplications(self, parameters: Iterable[nn.Parameter]) -> float:
        """Three matrix products an iteration and matrix: (a, b) with itself, that with itself, and that with (a, b)."""
        sides = [sorted(value.flatten(1).shape) for value in parameters if value.ndim >= 2]
        return float(sum(self.steps * short * short * (2 * long + short) for short, long in sides))


class OrthogonalMomentum(torch.optim.Optimizer):
    """The torch optimiser behind :class:`Muon`; groups carry the rule ``muon`` or ``adam``."""

    def __init__(
        self,
        groups: list[dict[str, Any]],
        *,
        momentum: float,
        weight_decay: float,
        steps: int,
        adam_ratio: float,
    ) -> None:
        defaults = {
            "lr": 0.0,
            "rule": "muon",
            "momentum": momentum,
            "weight_decay": weight_decay,
            "steps": steps,
            "adam_ratio": adam_ratio,
            "beta1": 0.9,
            "beta2": 0.99,
            "epsilon": 1e-8,
        }
        super().__init__(groups, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update of every parameter that has a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            parameters = [parameter for parameter in group["params"] if parameter.grad is not None]
            if parameters and group["rule"] == "muon":
                self._orthogonal(group, parameters)
            elif parameters:
                self._adam(group, parameters)
        return loss

    def _orthogonal(self, group: dict[str, Any], parameters: list[Tensor]) -> None:
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        for parameter in parameters:
            if not self.state[parameter]:
                self.state[parameter]["momentum"] = torch.zeros_like(parameter)
        averages = [self.state[parameter]["momentum"] for parameter in parameters]
        torch._foreach_lerp_(averages, gradients, 1.0 - group["momentum"])
        updates = torch._foreach_lerp(gradients, averages, group["momentum"])
        if group["weight_decay"]:
            torch._foreach_mul_(parameters, 1.0 - group["lr"] * group["weight_decay"])
        dtype = _product_dtype(parameters[0])
        stacks: dict[tuple[int, int], list[tuple[Tensor, Tensor]]] = {}
        for parameter, update in zip(parameters, updates, strict=True):
            matrix = update.flatten(1)
            stacks.setdefault((min(matrix.shape), max(matrix.shape)), []).append((parameter, matrix))
        for members in stacks.values():
            wide = [matrix if matrix.shape[0] <= matrix.shape[1] else matrix.t() for _, matrix in members]
            stack = orthogonalized(torch.stack([matrix.to(dtype) for matrix in wide]), steps=group["steps"])
            for (parameter, matrix), result in zip(members, stack.unbind(), strict=True):
                rows, columns = matrix.shape
                result = result if rows <= columns else result.t()
                scale = max(1.0, rows / columns) ** 0.5
                parameter.add_(result.to(parameter.dtype).view_as(parameter), alpha=-group["lr"] * scale)

    def _adam(self, group: dict[str, Any], parameters: list[Tensor]) -> None:
        beta1, beta2 = group["beta1"], group["beta2"]
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        for parameter in parameters:
            if not self.state[parameter]:
                zeros = {name: torch.zeros_like(parameter) for name in ("first", "second")}
                self.state[parameter].update(count=0, **zeros)
        for parameter in parameters:
            self.state[parameter]["count"] += 1
        count = self.state[parameters[0]]["count"]
        first = [self.state[parameter]["first"] for parameter in parameters]
        second = [self.state[parameter]["second"] for parameter in parameters]
        torch._foreach_lerp_(first, gradients, 1.0 - beta1)
        torch._foreach_mul_(second, beta2)
        torch._foreach_addcmul_(second, gradients, gradients, 1.0 - beta2)
        roots = torch._foreach_sqrt(second)
        torch._foreach_div_(roots, (1.0 - beta2**count) ** 0.5)
        torch._foreach_add_(roots, group["epsilon"])
        rate = group["lr"] * group["adam_ratio"] / (1.0 - beta1**count)
        torch._foreach_addcdiv_(parameters, first, roots, value=-rate)


def orthogonalized(matrices: Tensor, *, steps: int) -> Tensor:
    """A stack of matrices (n, rows, columns) with rows <= columns -> their nearest semi-orthogonal ones, about.

    Singular vectors stay, singular values go towards 1. Computed in the stack's own type.
    """
    norm = torch.linalg.vector_norm(matrices, dim=(-2, -1), keepdim=True, dtype=torch.float32)
    x: Tensor = matrices / (norm * _SAFETY + 1e-12).to(matrices.dtype)
    for step in range(steps):
        a, b, c = _POLYNOMIALS[min(step, len(_POLYNOMIALS) - 1)]
        gram = x @ x.mT
        polynomial = torch.baddbmm(gram, gram, gram, beta=b / _SAFETY**3, alpha=c / _SAFETY**5)
        x = torch.baddbmm(x, polynomial, x, beta=a / _SAFETY)
    return x


def _product_dtype(parameter: Tensor) -> torch.dtype:
    if parameter.dtype != torch.float32 or (parameter.device.type == "cpu" and not native_bfloat16()):
        return parameter.dtype
    return torch.bfloat16 if parameter.device.type in ("cpu", "cuda") else parameter.dtype
