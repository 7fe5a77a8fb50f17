"""A plain PyTorch loop with tuned Adam: peak rate 2e-3, linear decay, batch 512, 70 epochs, float32."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import torch
from torch import nn

from benchmarks.tasks import TASKS, network
from benchmarks.workers.quality_protocol import TurnTaking, run

if TYPE_CHECKING:
    import numpy as np

PEAK_RATE, EPOCHS, BATCH = 2e-3, 70, 512


def train(X: np.ndarray, turns: TurnTaking, wish: argparse.Namespace) -> None:
    """ReLU layers, sigmoid output, squared error."""
    model = nn.Sequential(*network(TASKS["deep"]))
    optimizer = torch.optim.Adam(model.parameters(), lr=PEAK_RATE, fused=True)
    data = torch.from_numpy(X)
    steps = EPOCHS * -(-len(data) // BATCH)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, steps)
    for _ in range(EPOCHS):
        order = torch.randperm(len(data))
        for start in range(0, len(data), BATCH):
            x = data[order[start : start + BATCH]]
            optimizer.zero_grad(set_to_none=True)
            loss = (model(x) - x).square().sum(dim=1).mean()
            loss.backward()
            optimizer.step()
            schedule.step()
        turns.epoch_ended(model)


if __name__ == "__main__":
    run(train)
