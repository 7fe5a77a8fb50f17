"""Fresh processes, interleaved rounds, ratios within a round."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.environments import Contender, EnvironmentFailure, interpreter

ROOT = Path(__file__).resolve().parent.parent
Result = dict[str, Any]


def environment(threads: int) -> dict[str, str]:
    """The variables a worker sees: the thread budget, this checkout's package, no accelerator."""
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(
        os.pathsep
    )
    budget = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
    return os.environ | budget | {"PYTHONPATH": path, "CUDA_VISIBLE_DEVICES": "", "PYTHONWARNINGS": "ignore"}


def command(contender: Contender, arguments: Iterable[object]) -> list[str]:
    """The command line of a worker."""
    module = f"benchmarks.workers.{contender.worker}"
    return [interpreter(contender), "-m", module, *map(str, arguments), *contender.flags]


def ask(
    contender: Contender, arguments: Iterable[object], *, threads: int, patience: float = 1800.0
) -> Result:
    """Run a worker once in a fresh process; ``{"failed": reason}`` where it gives no answer.

    patience : seconds after which the worker is ended and counted as failed.
    """
    try:
        line = command(contender, arguments)
    except EnvironmentFailure as failure:
        return {"failed": str(failure)}
    try:
        done = subprocess.run(
            line,
            cwd=ROOT,
            env=environment(threads),
            capture_output=True,
            text=True,
            check=False,
            timeout=patience,
        )
    except subprocess.TimeoutExpired:
        return {"failed": f"no answer after {patience:.0f} s"}
    if done.returncode:
        return {"failed": f"exit status {done.returncode}: {' '.join(done.stderr.splitlines()[-2:])[:400]}"}
    return json.loads(done.stdout.splitlines()[-1])


def interleaved(
    contenders: list[Contender], rounds: int, measure: Callable[[Contender], Result]
) -> dict[str, list[Result]]:
    """Every contender once a round, the order reversed in every second round; a failure is not repeated."""
    results: dict[str, list[Result]] = {contender.name: [] for contender in contenders}
    for number in range(rounds):
        for contender in contenders if number % 2 == 0 else contenders[::-1]:
            before = results[contender.name]
            if before and "failed" in before[-1]:
                continue
            result = measure(contender)
            before.append(result)
            shown = result.get("failed") or "done"
            sys.stderr.write(f"  round {number + 1}/{rounds} {contender.name}: {shown}\n")
    return results


def ratios(mine: list[float], others: list[float]) -> list[float]:
    """others / mine, round by round: above 1 where mine is faster."""
    return [other / own for own, other in zip(mine, others, strict=False)]


def spread(values: list[float], digits: int = 2) -> str:
    """``median (smallest to largest)``."""
    if not values:
        return "-"
    if len(values) == 1:
        return f"{values[0]:.{digits}f}"
    return f"{median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"
