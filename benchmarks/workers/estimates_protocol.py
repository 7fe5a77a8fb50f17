"""What the workers of part ``estimates`` are told and what they answer.

``python -m benchmarks.workers.estimates --rows 500 --draws 3 --seed 0 ...`` prints one line of JSON: ``dimensions``
(by estimator and manifold, one number a draw), ``p`` (by pair of sets, one number a draw), ``seconds`` by method and
``versions``. Needs numpy only.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

from benchmarks.samples import MANIFOLDS, PAIRS, generator


def run(
    dimensions: Mapping[str, Callable[[Any], float]],
    p_value: Callable[[Any, Any, int], float],
    packages: Sequence[str],
) -> int:
    """Estimate and test what was asked for, and print it."""
    parser = argparse.ArgumentParser()
    for name in ("rows", "draws", "pair-rows", "pair-draws", "permutations", "seed"):
        parser.add_argument(f"--{name}", type=int, required=True)
    wish = parser.parse_args()
    seconds: dict[str, float] = defaultdict(float)
    found: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in dimensions}
    for manifold, (_, draw) in MANIFOLDS.items():
        for turn in range(wish.draws):
            rows = draw(generator(wish.seed, manifold, turn), wish.rows)
            for name, estimate in dimensions.items():
                started = time.perf_counter()
                found[name][manifold].append(float(estimate(rows)))
                seconds[name] += time.perf_counter() - started
    p: dict[str, list[float]] = defaultdict(list)
    for pair, draw_both in PAIRS.items():
        for turn in range(wish.pair_draws):
            sets = draw_both(generator(wish.seed, pair, turn), wish.pair_rows)
            started = time.perf_counter()
            p[pair].append(p_value(*sets, wish.permutations))
            seconds["kernel test"] += time.perf_counter() - started
    versions = {package: version(package) for package in packages}
    answer = {"dimensions": found, "p": p, "seconds": seconds, "versions": versions}
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0
