"""Properties of every part that a network is made of, tried inside a small autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor

from isthmus import spec
from isthmus.composition import Composition
from isthmus.errors import ParameterError
from isthmus.objective import Objective, total
from isthmus.testing.examples import Setup, noisy, rows, setups
from isthmus.testing.failure import (
    NotApplicable,
    require,
    require_close,
    require_same_bits,
    require_same_states,
    require_shape,
)
from isthmus.training.feeding import MemoryFeed
from isthmus.training.loop import train
from isthmus.training.training import Training
from isthmus.types import Batch, Context


def shapes_hold(part: spec.Spec) -> None:
    """Odd sizes, one row and no row at all give codes, outputs, reconstructions and terms of the right shape."""
    for setup in setups(part):
        objective = setup.objective().eval()
        network = objective.network
        for n in (5, 1, 0):
            batch = rows(setup.event, n)
            where = f"on {n} rows of {setup.event.shape}"
            z = network.encode(batch.x).z
            output = network.decode(z)
            require_shape(z, (n, setup.parts.code.size), f"the code {where}")
            require_shape(output, (n, *network.output_shape), f"the output {where}")
            require_shape(network.mean(output), (n, *setup.event.shape), f"the reconstruction {where}")
            for name, value in objective(batch, noisy()).items():
                require_shape(value, (n,), f"term {name!r} {where}")
                require(torch.isfinite(value).all(), f"term {name!r} {where} is not finite.")


def rows_do_not_see_each_other(part: spec.Spec) -> None:
    """In evaluation a row's code, reconstruction and terms are the same whatever else is in its batch."""
    for setup in setups(part):
        objective = setup.objective().eval()
        batch = rows(setup.event, masked=True)
        whole = _evaluated(objective, batch)
        for row in range(len(batch)):
            alone = _evaluated(objective, _rows_of(batch, slice(row, row + 1)))
            for name, value in alone.items():
                require_close(value, whole[name][row : row + 1], f"{name} of a row alone and in its batch")


def loss_is_the_mean_of_its_rows(part: spec.Spec) -> None:
    """The loss of a batch is the mean of the losses of its rows, unless the part declares ``couples_rows``."""
    if getattr(part, "couples_rows", False):
        raise NotApplicable(f"{type(part).__name__} couples the rows of a batch")
    for setup in setups(part):
        objective = setup.objective().eval()
        batch = rows(setup.event, masked=True)
        with torch.no_grad():
            whole = total(objective(batch, Context())).mean()
            alone = [
                total(objective(_rows_of(batch, slice(row, row + 1)), Context())) for row in range(len(batch))
            ]
        require_close(whole, torch.cat(alone).mean(), "the loss of a batch and the mean of its rows' losses")


def evaluation_is_deterministic(part: spec.Spec) -> None:
    """Evaluation repeats to the bit and leaves the global generator as it was."""
    for setup in setups(part):
        objective = setup.objective().eval()
        batch = rows(setup.event)
        before = torch.get_rng_state()
        first, second = (_evaluated(objective, batch) for _ in range(2))
        require(
            torch.equal(before, torch.get_rng_state()), "evaluation must not draw from the global generator."
        )
        for name, value in first.items():
            require_same_bits(value, second[name], f"{name} of two evaluations")


def passes_leave_the_batch_alone(part: spec.Spec) -> None:
    """A training pass changes neither x nor the mask."""
    for setup in setups(part):
        batch, again = (rows(setup.event, masked=True) for _ in range(2))
        setup.objective()(batch, noisy())
        for name in ("x", "mask"):
            require_same_bits(getattr(batch, name), getattr(again, name), f"{name} after a pass")


def gradients_reach_every_parameter(part: spec.Spec) -> None:
    """Gradients are finite, and every parameter gets one that is not zero everywhere, from some initial weights."""
    for setup in setups(part):
        unreached: set[str] | None = None
        for seed in range(8):
            objective = setup.objective(seed=seed).train()
            named = dict(objective.named_parameters())
            loss = total(objective(rows(setup.event, 32), noisy())).mean()
            gradients: tuple[Tensor | None, ...] = torch.autograd.grad(
                loss, list(named.values()), allow_unused=True
            )
            zero = set()
            for name, gradient in zip(named, gradients, strict=True):
                require(
                    gradient is None or torch.isfinite(gradient).all(),
                    f"the gradient of {name} is not finite.",
                )
                if gradient is None or not gradient.any():
                    zero.add(name)
            # A rectifier may be closed for one draw of the weights, not for all.
            unreached = zero if unreached is None else unreached & zero
            if not unreached:
                break
        unreached = {name for name in unreached or () if not _is_offset(name, objective)}
        require(not unreached, f"on {setup.event.shape} no gradient reaches {', '.join(sorted(unreached))}.")


def _is_offset(name: str, objective: Objective) -> bool:
    """Biases before a normalisation are taken out again by it, and have no gradient but rounding."""
    normalised = any("Norm" in type(module).__name__ for module in objective.modules())
    return normalised and name.endswith("bias")


def gradient_is_the_slope(part: spec.Spec) -> None:
    """The gradient agrees with differences of the loss along random directions, in float64.

    Parts that pass gradients straight through a step declare ``exact_gradient = False``.
    """
    if not getattr(part, "exact_gradient", True):
        raise NotApplicable(f"the gradient of {type(part).__name__} is an estimate")
    for setup in setups(part):
        objective = setup.objective().eval().double()
        batch = rows(setup.event, masked=True)
        batch.x = batch.x.double()
        parameters = [value for value in objective.parameters() if value.requires_grad]
        loss = total(objective(batch, noisy())).mean()
        gradients = torch.autograd.grad(loss, parameters)
        generator = torch.Generator().manual_seed(1)
        ways = [torch.empty_like(value).normal_(generator=generator) for value in parameters]
        slope = sum(float((gradient * way).sum()) for gradient, way in zip(gradients, ways, strict=True))
        step = 1e-6
        losses = [_moved(objective, parameters, ways, side, batch) for side in (step, -step)]
        difference = (losses[0] - losses[1]) / (2 * step)
        require(
            abs(difference - slope) <= 1e-5 * max(1.0, abs(slope)),
            f"the gradient on {setup.event.shape} gives the slope {slope:.8g}, differences give {difference:.8g}.",
        )


@torch.no_grad()
def _moved(
    objective: Objective, parameters: Sequence[Tensor], ways: Sequence[Tensor], by: float, batch: Batch
) -> float:
    """The loss with all parameters moved along ``ways``, which are put back after."""
    kept = [value.clone() for value in parameters]
    for value, way in zip(parameters, ways, strict=True):
        value.add_(way, alpha=by)
    loss = float(total(objective(batch, noisy())).mean())
    for value, before in zip(parameters, kept, strict=True):
        value.copy_(before)
    return loss


def a_mask_of_all_known_is_no_mask(part: spec.Spec) -> None:
    """Terms and their gradients are the same with a mask that is True everywhere and without one."""
    for setup in setups(part):
        batch = rows(setup.event)
        masked = Batch(batch.x, torch.ones_like(batch.x, dtype=torch.bool), batch.labels, batch.rows)
        # An objective each: a training pass may change what parts remember.
        without, known = (setup.objective().eval()(one, noisy()) for one in (batch, masked))
        for name, value in without.items():
            require_close(known[name], value, f"term {name!r} with all entries known", tolerance=1e-6)


def seeds_decide_a_training(part: spec.Spec) -> None:
    """Two trainings from one seed end in the same bits, whatever the global generator; another seed does not."""
    setup = setups(part)[0]
    states = []
    for seed, disturbed in ((3, False), (3, True), (4, False)):
        with torch.random.fork_rng(devices=[]):
            if disturbed:
                torch.manual_seed(999)
            states.append(trained(setup, seed=seed).state_dict())
    require_same_states(states[0], states[1], "trainings of one seed")
    different = any(not torch.equal(value, states[2][name]) for name, value in states[0].items())
    require(different, "trainings of two seeds ended in the same bits.")


def shards_draw_what_one_process_would(part: spec.Spec) -> None:
    """The rows of a pass cut in two, each told its place, get the random numbers of the whole pass."""
    for setup in setups(part):
        objective = setup.objective().eval()
        batch = rows(setup.event, 5)
        with torch.no_grad():
            whole = objective(batch, noisy())
            pieces = [
                objective(_rows_of(batch, slice(first, first + count)), noisy(shard=(first, count, 5)))
                for first, count in ((0, 2), (2, 3))
            ]
        if getattr(part, "couples_rows", False):
            continue
        for name, value in whole.items():
            require_close(
                torch.cat([piece[name] for piece in pieces]), value, f"term {name!r} in two processes"
            )


def state_comes_back(part: spec.Spec) -> None:
    """A trained network's state loads into a new one, which then gives the same bits."""
    for setup in setups(part)[:2]:
        network = trained(setup, seed=0)
        other = setup.network(seed=9).eval()
        other.load_state_dict(network.state_dict())
        x = rows(setup.event).x
        require_same_bits(
            other.reconstruct(x), network.reconstruct(x), "reconstructions after loading the state"
        )


def trained(setup: Setup, *, seed: int, epochs: int = 1, masked: bool = False) -> Composition:
    """The setup's network after a short training."""
    network = setup.network(seed=seed)
    feed = MemoryFeed(rows(setup.event, 20, masked=masked), batch_size=8, shuffle=True, seed=seed)
    try:
        train(
            network,
            feed,
            Training(max_epochs=epochs, threads=1, device="cpu", precision="float32"),
            seed=seed,
        )
    except ParameterError as error:
        raise NotApplicable(str(error)) from error
    return network


def _evaluated(objective: Objective, batch: Batch) -> dict[str, Tensor]:
    with torch.no_grad():
        network = objective.network
        z = network.encode(batch.x).z
        return {
            "the code": z,
            "the reconstruction": network.mean(network.decode(z)),
            **{
                f"term {name!r}": value
                for name, value in objective(batch, Context()).items()
                if not _couples(objective, name)
            },
        }


def _couples(objective: Objective, name: str) -> bool:
    penalties = dict(zip(objective.penalty_names, objective.network.parts.penalties, strict=True))
    return name in penalties and penalties[name].couples_rows


def _rows_of(batch: Batch, cut: slice) -> Batch:
    return Batch(*(cast(Tensor, None if value is None else value[cut]) for value in vars(batch).values()))


NETWORK = (
    shapes_hold,
    rows_do_not_see_each_other,
    loss_is_the_mean_of_its_rows,
    evaluation_is_deterministic,
    passes_leave_the_batch_alone,
    gradients_reach_every_parameter,
    gradient_is_the_slope,
    a_mask_of_all_known_is_no_mask,
    seeds_decide_a_training,
    shards_draw_what_one_process_would,
    state_comes_back,
)
