"""Part ``initial_weights``: the error that deep networks reach from each kind of initial weights at equal cost."""

from __future__ import annotations

import dataclasses
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Any

import numpy as np
import torch

from benchmarks.measure import Result
from benchmarks.tables import markdown, publish
from benchmarks.tasks import TASKS, load

#: Share of the seconds that initial weights which are trained may take, where a shorter training suffices.
PRETRAINING_SHARE = 0.4
SMALLEST_BATCH = 1024


@dataclass(frozen=True)
class Network:
    """What is trained from different weights: an Autoencoder's parts and plan, one rate for all weights."""

    name: str
    make: Callable[[], Any]
    says: str


def _hinton2006() -> Any:
    from isthmus import recipes

    return recipes.hinton2006()


def _logistic(hidden: tuple[int, ...], code_size: int) -> Any:
    from isthmus.architectures import Dense
    from isthmus.codes import Deterministic
    from isthmus.estimator import Autoencoder
    from isthmus.training import Training

    return Autoencoder(
        Dense(hidden, activation="sigmoid"),
        code=Deterministic(code_size),
        loss="bce",
        training=Training(batch_size=256, learning_rate=2e-3),
    )


NETWORKS = (
    Network(
        "784-1000-500-250-30, elu",
        _hinton2006,
        "The recipe hinton2006 as it comes: exponential linear units, sigmoid output, squared error, Muon",
    ),
    Network(
        "784-1000-500-250-30, sigmoid",
        lambda: _logistic((1000, 500, 250), 30),
        "The same widths with the logistic units of 2006: cross-entropy, Adam 2e-3, batch 256, cosine",
    ),
    Network(
        "784-400-200-100-50-25-6, sigmoid",
        lambda: _logistic((400, 200, 100, 50, 25), 6),
        "The deeper and narrower network of the paper's curves (its figure 2A), logistic: as above",
    ),
)


def add_arguments(parser: ArgumentParser) -> None:
    """The choices of this part."""
    parser.add_argument(
        "--budget", type=float, default=10.0, help="seconds of each run, initial weights included"
    )
    parser.add_argument("--initial", help="comma-separated names of initial weights (default: all there are)")
    parser.add_argument("--runs", type=int, default=2, help="seeds of each, counted from --seed")
    parser.add_argument("--rows", type=int, default=10_000, help="training images")


def run(wish: Namespace) -> str:
    """Train every network from every kind of weights for the same time, and publish."""
    if wish.quick:
        wish.budget, wish.runs, wish.rows = 2.0, 1, 2_000
    train, test = load(TASKS["deep"], rows=wish.rows)
    data, held_out = torch.from_numpy(train), torch.from_numpy(test)
    sections: list[tuple[str, str]] = [("Baselines", _baselines(train, test))]
    raw: list[Result] = []
    for network in NETWORKS:
        results = [
            result
            for name, part in _initials(wish).items()
            for result in _runs(network, name, part, data, held_out, wish)
        ]
        raw += results
        sections.append((network.name, f"{network.says}.\n\n{_table(results)}"))
    setting = {
        "data": f"MNIST, pixels / 255: the first {len(train):,} training images, errors on the 10,000 test images",
        "error": "squared error summed over pixels, averaged over images",
        "budget": f"{wish.budget:g} seconds of wall clock each, drawing or training the initial weights included; "
        f"the schedule is stretched over the epochs that fit, which are found by timing some first; weights that are "
        f"trained take {PRETRAINING_SHARE:.0%} of the time",
        "choices": "one learning rate a network for all; nothing was tuned on the test images",
        "seeds": ", ".join(str(wish.seed + number) for number in range(wish.runs)),
        "threads": wish.threads,
    }
    return publish("initial_weights", "Initial weights at equal cost", sections, setting, raw, out=wish.out)


def _initials(wish: Namespace) -> dict[str, Any]:
    """Every part of the family, by its short name."""
    from isthmus import registry

    found = {part.alias: part() for part in registry.parts("training.initial").values()}
    if wish.initial:
        return {name: found[name] for name in wish.initial.split(",")}
    return found


def _runs(
    network: Network, name: str, part: Any, data: torch.Tensor, held_out: torch.Tensor, wish: Namespace
) -> list[Result]:
    """One result a seed; a single one with the reason where the network does not take such weights."""
    from isthmus.errors import InputError, IsthmusError

    results: list[Result] = []
    try:
        pace = _pace(network, part, data, wish)
        for number in range(wish.runs):
            results.append(
                {"network": network.name, "initial": name}
                | _one(network, part, pace, data, held_out, wish, wish.seed + number)
            )
            last = results[-1]
            sys.stderr.write(f"  {network.name}, {name}: {last['error']:.2f} after {last['seconds']:.1f} s\n")
    except InputError:  # those that are read from a file that is not here
        return []
    except IsthmusError as refused:
        return [{"network": network.name, "initial": name, "refused": str(refused)}]
    return results


@dataclass(frozen=True)
class Pace:
    """Seconds of an epoch of the joint training, and of all layers of one that comes before (0 for drawn weights)."""

    joint: float
    stages: float


def _pace(network: Network, part: Any, data: torch.Tensor, wish: Namespace) -> Pace:
    """Timed on few epochs; the first epoch of a process is dear and is not counted."""
    _trained(network, "as_built", 1, data, wish.seed, wish.threads)
    joint = _seconds(lambda: _trained(network, "as_built", 2, data, wish.seed, wish.threads)) / 2
    if not hasattr(part, "epochs"):
        return Pace(joint, 0.0)
    return Pace(
        joint, _seconds(lambda: _trained(network, _for_epochs(part, 1), 0, data, wish.seed, wish.threads))
    )


def _one(
    network: Network,
    part: Any,
    pace: Pace,
    data: torch.Tensor,
    held_out: torch.Tensor,
    wish: Namespace,
    seed: int,
) -> Result:
    stages = max(1, round(PRETRAINING_SHARE * wish.budget / pace.stages)) if pace.stages else 0
    begun = time.perf_counter()
    net = _trained(network, _for_epochs(part, stages) if stages else part, 0, data, seed, wish.threads)
    initial_seconds = time.perf_counter() - begun
    initial_error = _error(net, held_out)
    epochs = max(0, round((wish.budget - initial_seconds) / pace.joint))
    begun = time.perf_counter()
    _trained(network, "as_built", epochs, data, seed, wish.threads, net=net)
    return {
        "seed": seed,
        "stage_epochs": stages,
        "epochs": epochs,
        "initial_seconds": initial_seconds,
        "seconds": initial_seconds + time.perf_counter() - begun,
        "initial_error": initial_error,
        "error": _error(net, held_out),
    }


def _trained(
    network: Network,
    initial: Any,
    epochs: int,
    data: torch.Tensor,
    seed: int,
    threads: int,
    *,
    net: Any = None,
) -> Any:
    """The network after so many epochs of its plan; a new one where none is given."""
    from isthmus.composition import Composition, Parts
    from isthmus.registry import named
    from isthmus.training.feeding import MemoryFeed
    from isthmus.training.loop import train
    from isthmus.types import Batch, Event

    model = network.make()
    if net is None:
        parts = Parts(model.architecture, model.code, named("losses", model.loss)(), model.corruption)
        torch.manual_seed(seed)
        net = Composition(parts, Event((data.shape[1],)))
    feed = MemoryFeed(
        Batch(data, rows=torch.arange(len(data))),
        batch_size=model.training.batch_size,
        shuffle=True,
        seed=seed,
    )
    plan = dataclasses.replace(
        model.training, max_epochs=epochs, initial_weights=initial, threads=threads, device="cpu"
    )
    train(net, feed, plan, seed=seed)
    return net


def _for_epochs(part: Any, epochs: int) -> Any:
    return dataclasses.replace(part, epochs=epochs)


def _seconds(work: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


@torch.no_grad()
def _error(net: Any, x: torch.Tensor) -> float:
    sums = [(net.reconstruct(block) - block).square().sum(1) for block in x.split(SMALLEST_BATCH)]
    return float(torch.cat(sums).mean())


def _baselines(train: np.ndarray, test: np.ndarray) -> str:
    """The mean, and PCA with as many directions as the codes."""
    center = train.mean(0, dtype=np.float64)
    moved = test - center
    _, directions = np.linalg.eigh(np.cov(train.T))
    rows = [["mean of the training images", f"{(moved**2).sum(1).mean():.2f}"]]
    for size in (6, 30):
        kept = directions[:, -size:]
        rows.append([f"PCA, {size} numbers", f"{((moved - moved @ kept @ kept.T) ** 2).sum(1).mean():.2f}"])
    return markdown(["", "held-out squared error"], rows)


def _table(results: list[Result]) -> str:
    names = list(dict.fromkeys(result["initial"] for result in results))
    by_name = {name: [result for result in results if result["initial"] == name] for name in names}
    refused = [name for name in names if "refused" in by_name[name][0]]
    ranked = sorted(
        set(names) - set(refused), key=lambda name: mean(result["error"] for result in by_name[name])
    )
    rows = []
    for name in ranked:
        found = by_name[name]
        errors = [result["error"] for result in found]
        spread = f" ± {stdev(errors):.2f}" if len(errors) > 1 else ""
        rows.append(
            [
                name,
                f"{mean(errors):.2f}{spread}",
                f"{mean(result['initial_error'] for result in found):.1f}",
                f"{mean(result['initial_seconds'] for result in found):.1f}",
                " + ".join(
                    str(found[0][key])
                    for key in ("stage_epochs", "epochs")
                    if found[0][key] or key == "epochs"
                ),
                f"{mean(result['seconds'] for result in found):.0f}",
            ]
        )
    rows += [[name, "-", "", "", "", ""] for name in refused]
    table = markdown(
        [
            "",
            "held-out squared error",
            "before joint training",
            "seconds for the weights",
            "epochs",
            "seconds in all",
        ],
        rows,
    )
    reasons = "".join(f"\n\n{name}: {by_name[name][0]['refused']}" for name in refused)
    return table + reasons
