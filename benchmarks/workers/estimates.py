"""Estimates of the dimension and two-sample tests of isthmus; see :mod:`benchmarks.workers.estimates_protocol`."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from benchmarks.workers.estimates_protocol import run
from isthmus.doctor.statistics.two_sample import kernel_test
from isthmus.metrics.intrinsic_dimension import maximum_likelihood, two_nearest_neighbors


def p_value(first: Any, second: Any, permutations: int) -> float:
    """Of the kernel test."""
    return kernel_test(first, second, np.random.default_rng(0), permutations=permutations).p


if __name__ == "__main__":
    dimensions = {
        "TwoNN": lambda rows: two_nearest_neighbors(rows).value,
        "MLE": lambda rows: maximum_likelihood(rows, neighbors=20).value,
    }
    sys.exit(run(dimensions, p_value, ("isthmus",)))
