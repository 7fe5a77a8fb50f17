"""The state of a training: what a checkpoint has to hold so that a resumed training has the same bits."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from isthmus.errors import CheckpointError
from isthmus.persistence.checkpoint import load_checkpoint, save_checkpoint


@dataclass
class Position:
    """Where a training stands, and what it has seen of the running epoch.

    epoch, step : of the next batch. seconds : spent training. terms : rows' terms of the running epoch.
    stages : lines of the history of what was trained before.
    best_loss, best_epoch, waited : early stopping.
    """

    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    epoch_seconds: float = 0.0
    stages: list[dict[str, Any]] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)
    best_loss: float = float("inf")
    best_epoch: int = 0
    waited: int = 0
    stopped: bool = False


@dataclass
class Tensors:
    """The tensors of a training, as flat dictionaries by name."""

    network: nn.Module
    optimizer: torch.optim.Optimizer
    noise: torch.Generator
    average: dict[str, Tensor]
    best: dict[str, Tensor]
    terms: dict[str, Tensor]


def save_state(path: Path, position: Position, tensors: Tensors, *, seed: int, fingerprint: str) -> None:
    """Write everything to one file, atomically."""
    optimizer, flat = _flat_optimizer(tensors.optimizer)
    groups = {
        "network": tensors.network.state_dict(),
        "optimizer": flat,
        "average": tensors.average,
        "best": tensors.best,
        "terms": tensors.terms,
        "random": _random_states(tensors.noise),
    }
    flattened = {
        f"{group}/{name}": value for group, values in groups.items() for name, value in values.items()
    }
    document = {"seed": seed, "fingerprint": fingerprint, "optimizer": optimizer, "position": vars(position)}
    save_checkpoint(path, document, {name: value.detach().cpu() for name, value in flattened.items()})


def read_seed(path: Path) -> int:
    """The seed of the training that a checkpoint belongs to."""
    document, _ = load_checkpoint(path)
    return int(document["seed"])


def load_state(path: Path, tensors: Tensors, *, fingerprint: str) -> Position:
    """Put a checkpoint's state into ``tensors`` and return where it stood.

    Raises CheckpointError when the file belongs to another training (other parts, data or seed).
    """
    document, flat = load_checkpoint(path)
    if document.get("fingerprint") != fingerprint:
        raise CheckpointError(
            f"the checkpoint {path} belongs to a training with other parts, data, seed or plan: "
            f"resume it with what it was started with, or remove it to start anew."
        )
    groups: dict[str, dict[str, Tensor]] = {}
    for name, value in flat.items():
        group, _, rest = name.partition("/")
        groups.setdefault(group, {})[rest] = value
    tensors.network.load_state_dict(groups.get("network", {}))
    _load_optimizer(tensors.optimizer, document["optimizer"], groups.get("optimizer", {}))
    device = next(tensors.network.parameters()).device
    for name in ("average", "best", "terms"):
        getattr(tensors, name).update({key: value.to(device) for key, value in groups.get(name, {}).items()})
    torch.set_rng_state(groups["random"]["torch"])
    if "cuda" in groups["random"] and device.type == "cuda":
        torch.cuda.set_rng_state(groups["random"]["cuda"], device)
    tensors.noise.set_state(groups["random"]["noise"])
    return Position(**document["position"])


def _random_states(noise: torch.Generator) -> dict[str, Tensor]:
    """Generators that a step draws from; dropout draws from the device's own."""
    states = {"torch": torch.get_rng_state(), "noise": noise.get_state()}
    return states | ({"cuda": torch.cuda.get_rng_state(noise.device)} if noise.device.type == "cuda" else {})


def _flat_optimizer(optimizer: torch.optim.Optimizer) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """An optimiser's state as JSON (numbers, groups) and tensors by ``parameter/key``."""
    state = optimizer.state_dict()
    flat = {
        f"{number}/{key}": value
        for number, values in state["state"].items()
        for key, value in values.items()
        if isinstance(value, Tensor)
    }
    numbers = {
        str(number): {key: value for key, value in values.items() if not isinstance(value, Tensor)}
        for number, values in state["state"].items()
    }
    return {"numbers": numbers, "groups": state["param_groups"]}, flat


def _load_optimizer(
    optimizer: torch.optim.Optimizer, document: dict[str, Any], flat: dict[str, Tensor]
) -> None:
    state: dict[int, dict[str, Any]] = {
        int(number): dict(values) for number, values in document["numbers"].items()
    }
    for name, value in flat.items():
        number, _, key = name.partition("/")
        state.setdefault(int(number), {})[key] = value
    groups = [
        {
            key: tuple(value) if isinstance(value, list) and key != "params" else value
            for key, value in group.items()
        }
        for group in document["groups"]
    ]
    optimizer.load_state_dict({"state": state, "param_groups": groups})
