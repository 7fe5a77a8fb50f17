"""Rows a second from array to codes: ``transform`` beside a plain loop over the same weights.

One process holds both, since what is compared is one call beside another on the same weights; they alternate.
Prints ``{"rows_per_call": {"isthmus": [...], "plain": [...]}, "largest_difference"}`` as one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from benchmarks.tasks import TASKS, load
from benchmarks.workers.isthmus import autoencoder
from benchmarks.workers.protocol import peak_rss_mb, versions

CHUNK = 1024
SECONDS = 0.4


def plain_encoder(encoder: nn.Module) -> Callable[[np.ndarray], np.ndarray]:
    """A loop over chunks of the array under inference mode."""

    @torch.inference_mode()
    def encode(X: np.ndarray) -> np.ndarray:
        x = torch.from_numpy(X)
        if len(x) <= CHUNK:
            return encoder(x).numpy()
        return torch.cat([encoder(chunk) for chunk in x.split(CHUNK)]).numpy()

    return encode


def rate(encode: Callable[[np.ndarray], np.ndarray], X: np.ndarray, rows: int, seconds: float) -> float:
    """Rows a second in calls of ``rows`` rows, over about ``seconds``."""
    done, start, first = 0, time.perf_counter(), 0
    while True:
        encode(X[first : first + rows])
        done += rows
        first = 0 if first + 2 * rows > len(X) else first + rows
        elapsed = time.perf_counter() - start
        if elapsed > seconds:
            return done / elapsed


def main() -> None:
    """Measure one task."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--task", choices=TASKS, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", default="1,32,1024,10000", help="rows a call")
    wish = parser.parse_args()
    torch.set_num_threads(wish.threads)
    task = TASKS[wish.task]
    X, X_test = load(task)
    model = autoencoder(task, max_epochs=1, batch_size=512, threads=wish.threads)
    model.set_params(random_state=wish.seed).fit(X[:10_000])
    plain = plain_encoder(model.network_.encoder.eval())
    difference = float(np.abs(model.transform(X_test) - plain(X_test)).max())
    measured: dict[int, dict[str, list[float]]] = {}
    for rows in map(int, wish.calls.split(",")):
        measured[rows] = {"isthmus": [], "plain": []}
        for _ in range(wish.rounds):
            measured[rows]["isthmus"].append(rate(model.transform, X_test, rows, SECONDS))
            measured[rows]["plain"].append(rate(plain, X_test, rows, SECONDS))
    answer = {
        "rates": measured,
        "largest_difference": difference,
        "peak_rss_mb": peak_rss_mb(),
        "versions": versions(),
    }
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
