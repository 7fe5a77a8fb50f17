"""isthmus on a folder of Parquet parts: from memory, streamed, or under a memory limit.

``--mode memory`` reads the folder into a table first and fits on it; ``--mode stream`` gives the path and
lowers the limit so far that the rows do not fit the budget; ``--limit-mb`` sets the limit itself.
Prints ``{"seconds_per_epoch", "rows", "peak_rss_mb", ...}`` as one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from benchmarks.tasks import TASKS
from benchmarks.workers.isthmus import Ticking, autoencoder, fit_watched
from benchmarks.workers.protocol import LEARNING_RATE, EpochClock, peak_rss_mb, versions


def limit_memory(megabytes: int) -> None:
    """Give this process no more address space than so much, libraries included, as ``ulimit -v`` does."""
    resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))


def force_streaming() -> None:
    """Leave the memory as it is, but let isthmus believe that nothing fits."""
    from isthmus.training import feeding

    feeding.budget_bytes = lambda: 0  # type: ignore[assignment]


def whole_table(folder: Path) -> Any:
    """All parts as one Arrow table in memory."""
    from pyarrow import parquet

    return parquet.read_table(folder)


def main() -> None:
    """Fit, and with ``--all`` also evaluate and encode."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--mode", choices=("memory", "stream", "path"), required=True)
    parser.add_argument("--limit-mb", type=int)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--all", action="store_true", help="evaluate and encode too")
    wish = parser.parse_args()
    torch.set_num_threads(wish.threads)
    if wish.limit_mb is not None:
        limit_memory(wish.limit_mb)
    if wish.mode == "stream":
        force_streaming()
    data = whole_table(wish.folder) if wish.mode == "memory" else wish.folder
    fields = {"max_epochs": wish.epochs, "batch_size": wish.batch, "learning_rate": LEARNING_RATE}
    model = autoencoder(TASKS["table"], **fields, precision="float32", device="cpu")
    model.set_params(random_state=wish.seed)
    clock = EpochClock()
    begin = time.perf_counter()
    fit_watched(model, data, Ticking(clock))
    answer: dict[str, Any] = {"seconds_per_epoch": clock.seconds, "fit_seconds": time.perf_counter() - begin}
    answer["fit_peak_rss_mb"] = peak_rss_mb()
    if wish.all:
        answer |= _evaluate_and_encode(model, wish.folder)
    answer |= {
        "peak_rss_mb": peak_rss_mb(),
        "versions": versions("pyarrow"),
        "loss": model.history_[-1]["loss"],
    }
    sys.stdout.write(json.dumps(answer) + "\n")


def _evaluate_and_encode(model: Any, folder: Path) -> dict[str, Any]:
    """By the command line's functions, which write codes block by block."""
    from isthmus.cli.main import main as command_line

    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        saved, codes = Path(scratch) / "model", Path(scratch) / "codes.parquet"
        model.save(saved)
        seconds = {}
        for verb, extra in (("evaluate", []), ("encode", ["--out", str(codes)])):
            begin = time.perf_counter()
            _quietly(command_line, [verb, str(saved), str(folder), *extra])
            seconds[f"{verb}_seconds"] = time.perf_counter() - begin
        return seconds | {"codes_mb": codes.stat().st_size / 2**20}


def _quietly(command_line: Any, arguments: list[str]) -> None:
    import contextlib
    import io

    try:
        with contextlib.redirect_stdout(io.StringIO()):
            command_line(arguments)
    except SystemExit as exit_:
        if exit_.code:
            raise


if __name__ == "__main__":
    main()
