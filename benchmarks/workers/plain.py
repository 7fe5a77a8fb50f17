"""A plain PyTorch loop, written as well as one is written by hand."""

from __future__ import annotations

import torch
from torch import nn

from benchmarks.tasks import network
from benchmarks.workers.protocol import LEARNING_RATE, EpochClock, Job, Trained, run


def train(job: Job) -> Trained:
    """One contiguous tensor, a permutation an epoch, fused Adam, no number read back, no validation."""
    model = nn.Sequential(*network(job.task))
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, fused=True)
    X = torch.from_numpy(job.train)
    clock = EpochClock()
    clock.start()
    for _ in range(job.epochs):
        order = torch.randperm(len(X))
        for start in range(0, len(X), job.batch):
            x = X[order[start : start + job.batch]]
            optimizer.zero_grad(set_to_none=True)
            loss = (model(x) - x).square().sum(dim=1).mean()
            loss.backward()
            optimizer.step()
        clock.tick()
    return Trained(clock, model.eval())


if __name__ == "__main__":
    run(train)
