"""What a training step costs with one part more, beside the plain step: steps of all in turns, in one process.

Prints ``{"pairs": {name: [[its seconds, those of the plain step beside it], one a turn]}, "versions"}`` as one line of
JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.tasks import TASKS, load, network
from benchmarks.workers.protocol import LEARNING_RATE, versions

TASK = "mnist"
#: Steps of one contender in a turn; the first one finds the caches full of another's weights and is not timed.
BLOCK = 6
PLAIN = "isthmus, plain"
SIGMOID = "isthmus, plain, sigmoid layers"
LOOP = "PyTorch loop, plain"
Step = Callable[[Tensor], None]


@dataclass
class Contender:
    """A name, what makes its step, for how many of the turns it is run, and beside whom."""

    name: str
    make: Callable[[], Step]
    share: float = 1.0
    beside: str = PLAIN


def library_step(*, automatic: bool = False, activation: str = "relu", **parts: Any) -> Step:
    """A step of isthmus as its training loop takes it; ``automatic`` leaves the written-out gradient aside."""
    from isthmus.architectures import Dense
    from isthmus.codes import Deterministic
    from isthmus.composition import Composition, Parts
    from isthmus.losses import SquaredError
    from isthmus.objective import Objective
    from isthmus.training import guard, subnormals
    from isthmus.training.devices import Devices
    from isthmus.training.optimizers.adam import Adam
    from isthmus.training.steps import AutogradStep, fastest
    from isthmus.types import Batch, Context, Event

    widths = TASKS[TASK].widths
    chosen = {"code": Deterministic(widths[-1])} | parts
    dense = Dense(widths[1:-1], activation=activation)
    net = Composition(Parts(dense, loss=SquaredError(), **chosen), Event((widths[0],))).train()
    devices = Devices("cpu", "float32")
    objective = Objective(net)
    gradients = AutogradStep(objective, devices) if automatic else fastest(net, objective, devices)
    adam = Adam()
    trained = gradients.trained(list(net.named_parameters()), elementwise=adam.elementwise)
    optimizer = adam.build(trained, learning_rate=LEARNING_RATE)
    context = Context(torch.Generator().manual_seed(0), 0.5)
    number = 0

    def step(x: Tensor) -> None:
        nonlocal number
        _, loss = gradients.forward(Batch(x), context, len(x))
        guard.is_finite(loss, number)
        gradients.backward(loss)
        optimizer.step()
        number += 1
        subnormals.flush(optimizer, number)

    return step


def torch_step(penalty: Callable[[nn.Module, Tensor, Tensor], Tensor] | None = None) -> Step:
    """A step of a plain PyTorch loop; ``penalty`` maps encoder, x and z to (batch,)."""
    encoder, decoder = network(TASKS[TASK])
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=LEARNING_RATE, fused=True)

    def step(x: Tensor) -> None:
        optimizer.zero_grad(set_to_none=True)
        x = x.clone().requires_grad_(penalty is not None)
        z = encoder(x)
        loss = 0.5 * (decoder(z) - x.detach()).square().sum(1)
        if penalty is not None:
            loss = loss + 0.1 * penalty(encoder, x, z)
        loss.mean().backward()
        optimizer.step()

    return step


def jacobian_by_rows(encoder: nn.Module, x: Tensor, z: Tensor) -> Tensor:
    """The squared norm of the whole Jacobian: one backward pass a number of the code."""
    rows = [
        torch.autograd.grad(z[:, number].sum(), x, create_graph=True)[0].square().sum(1)
        for number in range(z.shape[1])
    ]
    return torch.stack(rows).sum(0)


def jacobian_by_vmap(encoder: nn.Module, x: Tensor, z: Tensor) -> Tensor:
    """The same by torch.func."""
    parameters = dict(encoder.named_parameters())

    def code(row: Tensor) -> Tensor:
        return torch.func.functional_call(encoder, parameters, (row,))

    return torch.func.vmap(torch.func.jacrev(code))(x.detach()).square().sum((1, 2))


def contenders() -> list[Contender]:
    """Everybody; the brute-force Jacobians in a few turns only."""
    from isthmus.codes import Deterministic, TopK
    from isthmus.corruptions import GaussianNoise, Masking, SaltAndPepper
    from isthmus.penalties import L1, Contractive, Emphasis, KLSparsity, Relational

    size = TASKS[TASK].widths[-1]
    found: dict[str, dict[str, Any]] = {
        PLAIN: {},
        "isthmus, plain, automatic gradient": {"automatic": True},
        "GaussianNoise(0.3)": {"corruption": GaussianNoise(0.3)},
        "Masking(0.3)": {"corruption": Masking(0.3)},
        "SaltAndPepper(0.3)": {"corruption": SaltAndPepper(0.3)},
        "SaltAndPepper(0.3), Emphasis(1.0)": {
            "corruption": SaltAndPepper(0.3),
            "penalties": (Emphasis(1.0),),
        },
        "L1 on the code": {"penalties": (L1(1e-3),)},
        "L1 on hidden layers": {"penalties": (L1(1e-3, on="hidden"),)},
        "KLSparsity on the code": {
            "code": Deterministic(size, "sigmoid"),
            "penalties": (KLSparsity(1e-3),),
        },
        SIGMOID: {"activation": "sigmoid"},
        "KLSparsity on hidden layers": {
            "activation": "sigmoid",
            "penalties": (KLSparsity(1e-3, on="hidden"),),
        },
        "TopK(k=5)": {"code": TopK(size, k=5)},
        "Relational": {"penalties": (Relational(),)},
        "Contractive": {"penalties": (Contractive(0.1),)},
        "Contractive, automatic gradient": {"penalties": (Contractive(0.1),), "automatic": True},
    }
    made = [
        # What a part costs is asked beside the same layers without it.
        Contender(
            name,
            lambda parts=parts: library_step(**parts),
            beside=SIGMOID if parts.get("activation") == "sigmoid" and name != SIGMOID else PLAIN,
        )
        for name, parts in found.items()
    ]
    return [
        *made,
        Contender(LOOP, torch_step),
        Contender(
            "Contractive, all directions",
            lambda: library_step(penalties=(Contractive(0.1, estimate="exact"),)),
            0.2,
        ),
        Contender("PyTorch loop, Jacobian row by row", lambda: torch_step(jacobian_by_rows), 0.2, LOOP),
        Contender("PyTorch loop, vmap(jacrev)", lambda: torch_step(jacobian_by_vmap), 0.2, LOOP),
    ]


def main() -> None:
    """Measure all."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--turns", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    wish = parser.parse_args()
    torch.set_num_threads(wish.threads)
    torch.manual_seed(wish.seed)
    X = torch.from_numpy(load(TASKS[TASK])[0])
    steps = {one.name: one.make() for one in contenders()}
    pairs: dict[str, list[tuple[float, float]]] = {name: [] for name in steps}
    for turn in range(wish.turns):
        batches = X[torch.randint(len(X), (BLOCK, wish.batch))]
        for one in contenders():
            if turn < max(2, round(one.share * wish.turns)):
                pairs[one.name].append(pair(steps[one.name], steps[one.beside], batches, turn % 2 == 0))
        sys.stderr.write(f"  turn {turn + 1}/{wish.turns}\n")
    sys.stdout.write(json.dumps({"pairs": pairs, "versions": versions()}) + "\n")


def pair(step: Step, plain: Step, batches: Tensor, first: bool) -> tuple[float, float]:
    """Seconds a step of one and of the other, right after each other; ``first`` says which goes first."""
    if first:
        mine = block(step, batches)
        return mine, block(plain, batches)
    other = block(plain, batches)
    return block(step, batches), other


def block(step: Step, batches: Tensor) -> float:
    """Seconds a step over one block, the first left out."""
    step(batches[0])
    started = time.perf_counter()
    for x in batches[1:]:
        step(x)
    return (time.perf_counter() - started) / (len(batches) - 1)


if __name__ == "__main__":
    main()
