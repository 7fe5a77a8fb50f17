"""Part ``optimizers``: what a step of each optimiser costs on the deep network, beside the gradient's own cost."""

from __future__ import annotations

import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from itertools import pairwise
from statistics import median
from typing import Any

import torch
from torch import nn

from benchmarks.tables import markdown, publish

WIDTHS = (784, 1000, 500, 250, 30, 250, 500, 1000, 784)


def add_arguments(parser: ArgumentParser) -> None:
    """The choices of this part."""
    parser.add_argument("--steps", type=int, default=30, help="steps of each, taken in turns")


def _network() -> nn.Sequential:
    layers = [nn.Linear(a, b) for a, b in pairwise(WIDTHS)]
    network = nn.Sequential(*layers)
    for parameter in network.parameters():
        parameter.grad = torch.randn_like(parameter)
    return network


def _contenders() -> dict[str, Callable[[], Any]]:
    from isthmus.training.optimizers import Muon

    ours, theirs, adam = _network(), _network(), _network()
    matrices = [parameter for parameter in theirs.parameters() if parameter.ndim == 2]
    return {
        "fused AdamW": torch.optim.AdamW(adam.parameters(), lr=1e-4, fused=True).step,
        "torch.optim.Muon, matrices only": torch.optim.Muon(matrices, lr=1e-4).step,
        "isthmus Muon, biases included": Muon().build(list(ours.named_parameters()), learning_rate=1e-4).step,
    }


def run(wish: Namespace) -> str:
    """Steps in turns, medians, and ratios within a turn."""
    torch.manual_seed(wish.seed)
    torch.set_num_threads(wish.threads)
    contenders = _contenders()
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(3 if wish.quick else wish.steps + 2):
        for name, step in contenders.items():
            started = time.perf_counter()
            step()
            if turn >= 2:
                seconds[name].append(time.perf_counter() - started)
    own = seconds["isthmus Muon, biases included"]
    rows = [
        [
            name,
            f"{median(taken) * 1e3:.1f}",
            f"{median(a / b for a, b in zip(taken, own, strict=True)):.2f}",
        ]
        for name, taken in seconds.items()
    ]
    table = markdown(["optimiser", "ms a step (median)", "times ours (median of pairs)"], rows)
    setting = {
        "data": "random gradients of 784-1000-500-250-30 and its mirror",
        "seed": wish.seed,
        "budget": f"{len(own)} steps each, in turns",
        "threads": wish.threads,
    }
    title = "The cost of a step of the optimiser"
    return publish("optimizers", title, [("Steps", table)], setting, seconds, out=wish.out)
