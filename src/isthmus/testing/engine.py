"""Properties of the parts of a training: optimisers, schedules and initial weights."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from isthmus import spec
from isthmus.architectures.architecture import Architecture
from isthmus.architectures.conv import Conv
from isthmus.architectures.dense import Dense
from isthmus.codes.deterministic import Deterministic
from isthmus.composition import Composition, Parts
from isthmus.errors import InputError
from isthmus.losses.squared_error import SquaredError
from isthmus.testing.examples import CODE_SIZE, EVENTS, Setup, rows
from isthmus.testing.failure import NotApplicable, require, require_close, require_same_states
from isthmus.training.feeding import MemoryFeed
from isthmus.training.initial.initial import Initial
from isthmus.training.initial.pretraining import Pretraining
from isthmus.training.loop import train
from isthmus.training.optimizers.optimizer import Optimizer
from isthmus.training.schedules.schedule import Schedule
from isthmus.training.training import Training


def _network() -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 4))


def _steps(network: nn.Module, optimizer: torch.optim.Optimizer, numbers: range) -> list[float]:
    """Losses before each of some full-batch steps towards copying the input."""
    x = torch.randn(16, 4, generator=torch.Generator().manual_seed(1))
    losses = []
    for _ in numbers:
        loss = (network(x) - x).square().sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses


def steps_go_down(part: spec.Spec) -> None:
    """A hundred steps at the part's own rate make a small smooth loss smaller."""
    optimizer = cast(Optimizer, part)
    network = _network()
    built = optimizer.build(network.named_parameters(), learning_rate=optimizer.peak_learning_rate)
    losses = _steps(network, built, range(100))
    require(
        losses[-1] < 0.9 * losses[0], f"the loss went from {losses[0]:.4g} to {losses[-1]:.4g} in 100 steps."
    )


def no_rate_is_no_step(part: spec.Spec) -> None:
    """At a learning rate of 0 the weights keep their bits."""
    network = _network()
    before = copy.deepcopy(network.state_dict())
    built = cast(Optimizer, part).build(network.named_parameters(), learning_rate=1.0)
    for group in built.param_groups:
        group["lr"] = 0.0
    _steps(network, built, range(3))
    require_same_states(network.state_dict(), before, "weights after steps of rate 0")


def optimizer_state_comes_back(part: spec.Spec) -> None:
    """Steps after loading weights and ``state_dict`` have the bits of steps without a break."""
    optimizer = cast(Optimizer, part)
    networks = [_network(), _network()]
    first, second = (optimizer.build(network.named_parameters(), learning_rate=1e-2) for network in networks)
    _steps(networks[0], first, range(4))
    networks[1].load_state_dict(networks[0].state_dict())
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    for network, built in zip(networks, (first, second), strict=True):
        _steps(network, built, range(4))
    require_same_states(networks[0].state_dict(), networks[1].state_dict(), "weights after a resumed run")


def elementwise_means_elementwise(part: spec.Spec) -> None:
    """An optimiser that calls itself elementwise treats one flat tensor as it treats the tensors it is made of."""
    optimizer = cast(Optimizer, part)
    if not optimizer.elementwise:
        raise NotApplicable(f"{type(part).__name__} looks at whole matrices")
    values = [nn.Parameter(torch.linspace(-1, 1, 6).reshape(2, 3)), nn.Parameter(torch.linspace(0, 2, 3))]
    flat = nn.Parameter(torch.cat([value.detach().flatten() for value in values]))
    apart = optimizer.build([("a", values[0]), ("b", values[1])], learning_rate=1e-2)
    together = optimizer.build([("flat", flat)], learning_rate=1e-2)
    generator = torch.Generator().manual_seed(0)
    for _ in range(5):
        gradient = torch.randn(9, generator=generator)
        flat.grad = gradient.clone()
        values[0].grad, values[1].grad = gradient[:6].reshape(2, 3).clone(), gradient[6:].clone()
        apart.step()
        together.step()
    joined = torch.cat([value.detach().flatten() for value in values])
    require_close(flat.detach(), joined, "a flat tensor and its pieces", tolerance=1e-6)


def factor_stays_in_range(part: spec.Spec) -> None:
    """The factor lies in [0, 1], rises from 0 over the warm-up to its peak of 1, and never jumps."""
    for warmup in (0.0, 0.2):
        schedule = cast(Schedule, spec.clone(part)).set_params(warmup=warmup)
        factors = [schedule.factor(place / 2000) for place in range(2000)]
        require(all(0 <= factor <= 1 for factor in factors), f"a factor of {part!r} lies outside [0, 1].")
        require(max(factors) == 1.0, f"{part!r} never reaches its peak, only {max(factors)}.")
        if warmup:
            require(
                factors[0] == 0 and abs(factors[200] - 0.5) < 1e-9, f"the warm-up of {part!r} is not linear."
            )
        jumps = max(abs(after - before) for after, before in zip(factors[1:], factors, strict=False))
        require(jumps <= 0.02, f"{part!r} jumps by {jumps:.3g}.")


def _networks() -> list[Composition]:
    architectures: list[tuple[Architecture, int]] = [
        (Dense((9, 5), normalization="batch"), 0),
        (Dense((9, 5), tied=True, activation="tanh"), 0),
        (Dense(()), 1),
        (Conv((3, 4), normalization="layer"), 3),
        (Conv((3,), upsampling="nearest", activation="elu"), 2),
    ]
    return [
        Setup(Parts(architecture, Deterministic(CODE_SIZE), SquaredError()), EVENTS[event]).network()
        for architecture, event in architectures
    ]


def weights_come_from_the_generator(part: spec.Spec) -> None:
    """Weights are finite, the generator's seed decides them, the global generator and normalisation stay."""
    initial = cast(Initial, part)
    if isinstance(initial, Pretraining):
        raise NotApplicable(f"{type(part).__name__} trains, it does not draw")
    for network in _networks():
        norms = _norms(network)
        states = []
        for _ in range(2):
            batch = rows(network.event, 12) if initial.needs_data else None
            before = torch.get_rng_state()
            try:
                initial(network, batch=batch, generator=torch.Generator().manual_seed(1))
            except InputError as missing:
                raise NotApplicable(str(missing)) from missing
            require(
                torch.equal(before, torch.get_rng_state()), "initial weights drew from the global generator."
            )
            states.append(copy.deepcopy(network.state_dict()))
        require(
            all(torch.isfinite(value).all() for value in states[0].values()),
            f"{part!r} gave weights not finite.",
        )
        require_same_states(states[0], states[1], "weights of one seed")
        require_same_states(norms, _norms(network), "normalisation layers")


def stages_are_decided_by_the_seed(part: spec.Spec) -> None:
    """Weights that are trained stage by stage are decided by the seed; every line of the history names its stage."""
    if not isinstance(part, Pretraining):
        raise NotApplicable(f"{type(part).__name__} has no stages")
    dense = Dense((6, 5), activation="sigmoid")
    states = []
    for seed in (3, 3, 4):
        network = Setup(Parts(dense, Deterministic(CODE_SIZE), SquaredError()), EVENTS[0]).network()
        feed = MemoryFeed(rows(network.event, 20), batch_size=8, shuffle=True, seed=seed)
        plan = Training(max_epochs=1, initial_weights=part, threads=1, device="cpu", precision="float32")
        before = torch.get_rng_state()
        outcome = train(network, feed, plan, seed=seed)
        require(torch.equal(before, torch.get_rng_state()), "the stages drew from the global generator.")
        require(outcome.stages, f"{part!r} gave no line for its stages.")
        require(
            all(record.get("stage") and math.isfinite(record["loss"]) for record in outcome.stages),
            "a line of the history has no stage, or no finite loss.",
        )
        states.append(network.state_dict())
    require_same_states(states[0], states[1], "weights of one seed")
    different = any(not torch.equal(value, states[2][name]) for name, value in states[0].items())
    require(different, "two seeds ended in the same weights.")


def _norms(network: nn.Module) -> dict[str, Tensor]:
    return {
        f"{name}.{key}": value.detach().clone()
        for name, module in network.named_modules()
        if "Norm" in type(module).__name__
        for key, value in module.state_dict().items()
    }


Property = Callable[[spec.Spec], None]
OPTIMIZERS: tuple[Property, ...] = (
    steps_go_down,
    no_rate_is_no_step,
    optimizer_state_comes_back,
    elementwise_means_elementwise,
)
SCHEDULES: tuple[Property, ...] = (factor_stays_in_range,)
INITIAL: tuple[Property, ...] = (weights_come_from_the_generator, stages_are_decided_by_the_seed)
