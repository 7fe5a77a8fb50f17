"""The same by scikit-dimension and hyppo, in an environment of their own."""

from __future__ import annotations

import sys
from typing import Any

import skdim
from hyppo.ksample import MMD

from benchmarks.workers.estimates_protocol import run


def p_value(first: Any, second: Any, permutations: int) -> float:
    """Of the kernel test with a Gaussian kernel as wide as the median distance, which is hyppo's default."""
    test = MMD(compute_kernel="gaussian", bias=False)
    return float(test.test(first, second, reps=permutations, auto=False, random_state=0)[1])


if __name__ == "__main__":
    dimensions = {
        "TwoNN": lambda rows: skdim.id.TwoNN().fit(rows).dimension_,
        "MLE": lambda rows: skdim.id.MLE(K=20).fit(rows).dimension_,
    }
    sys.exit(run(dimensions, p_value, ("scikit-dimension", "hyppo")))
