"""Part ``limits``: training, evaluation and encoding of a Parquet folder larger than the memory that is allowed."""

from __future__ import annotations

import sys
import tempfile
from argparse import ArgumentParser, Namespace
from pathlib import Path

from benchmarks.environments import Contender
from benchmarks.measure import Result, ask
from benchmarks.stream import DATA, WORKER, generate
from benchmarks.tables import markdown, publish
from benchmarks.tasks import TABLE_COLUMNS, TASKS

LIMITED = Contender("limited", WORKER, ("--mode", "path", "--all"))
ROW_BYTES = 4 * TABLE_COLUMNS
#: More than one, so that the stream is copied to disk, as it is by default.
EPOCHS = 2


def add_arguments(parser: ArgumentParser) -> None:
    """The choices of this part."""
    parser.add_argument("--large-gb", type=float, help="size of the folder (default: 4)")
    parser.add_argument(
        "--limit-gb", type=float, default=1.5, help="memory limit of the process (default: 1.5)"
    )


def run(wish: Namespace) -> str:
    """Measure and publish; returns the markdown."""
    large = wish.large_gb if wish.large_gb is not None else (0.1 if wish.quick else 4.0)
    with tempfile.TemporaryDirectory(prefix="isthmus-bench-", dir=wish.scratch) as scratch:
        found = _limited(Path(scratch), large, wish)
    heading = f"Under a limit of {wish.limit_gb:g} GB: fit {EPOCHS} epochs, evaluate, encode"
    setting = {
        "data": DATA,
        "network": f"{TASKS['table'].shape}, batch 1024, float32",
        "limit": "RLIMIT_AS of the process, as by ulimit -v: all of its address space, libraries included",
        "seed": wish.seed,
        "threads": wish.threads,
    }
    return publish(
        "limits", "More data than memory", [(heading, _table(found))], setting, found, out=wish.out
    )


def _limited(scratch: Path, gigabytes: float, wish: Namespace) -> list[Result]:
    """A quarter of the size and the whole, so that the peak is seen to be the same."""
    results = []
    for share in (0.25, 1.0):
        folder = scratch / f"large-{share}"
        rows = int(gigabytes * 1e9 * share / ROW_BYTES)
        written = generate(folder, rows)
        arguments = [folder, "--epochs", EPOCHS, "--seed", wish.seed, "--threads", wish.threads]
        arguments += ["--limit-mb", int(wish.limit_gb * 1000)]
        sys.stderr.write(f"  {written:.2f} GB, {rows:,} rows under {wish.limit_gb:g} GB\n")
        results.append(
            {"gb": written, "rows": rows} | ask(LIMITED, arguments, threads=wish.threads, patience=3600)
        )
        for path in folder.iterdir():
            path.unlink()
    return results


def _table(results: list[Result]) -> str:
    lines = []
    for one in results:
        if "failed" in one:
            lines.append([f"{one['gb']:.2f}", f"{one['rows']:,}", *["-"] * 5, one["failed"]])
            continue
        seconds = [f"{one[key]:.0f}" for key in ("fit_seconds", "evaluate_seconds", "encode_seconds")]
        peaks = [f"{one['fit_peak_rss_mb']:.0f}", f"{one['peak_rss_mb']:.0f}"]
        lines.append([f"{one['gb']:.2f}", f"{one['rows']:,}", *seconds, *peaks, ""])
    heads = ["GB", "rows", "fit, s", "evaluate, s", "encode, s", "peak MB of fit", "peak MB of all", "notes"]
    return markdown(heads, lines)
