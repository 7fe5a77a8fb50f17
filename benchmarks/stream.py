"""Part ``stream``: training from a Parquet folder beside training from memory."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from pathlib import Path
from statistics import median

from benchmarks.environments import Contender
from benchmarks.measure import ROOT, Result, ask, environment, interleaved, ratios, spread
from benchmarks.tables import markdown, publish
from benchmarks.tasks import TABLE_COLUMNS, TASKS

WORKER = "streaming"
MEMORY = Contender("in memory", WORKER, ("--mode", "memory"))
STREAM = Contender("streamed", WORKER, ("--mode", "stream"))
DATA = (
    "Parquet parts of 500,000 rows in groups of 50,000, "
    f"{TABLE_COLUMNS} float32 columns, uncompressed, generated and seeded"
)
BATCHES = (256, 1024)  # isthmus' default, and one where a step leaves the least time to read


def add_arguments(parser: ArgumentParser) -> None:
    """The choices of this part."""
    parser.add_argument("--stream-rows", type=int, help="rows of the set that fits (default: 1,000,000)")
    parser.add_argument("--scratch", type=Path, help="folder for the generated data, removed afterwards")


def run(wish: Namespace) -> str:
    """Measure and publish; returns the markdown."""
    rows = wish.stream_rows or (100_000 if wish.quick else 1_000_000)
    rounds = 1 if wish.quick else 3
    with tempfile.TemporaryDirectory(prefix="isthmus-bench-", dir=wish.scratch) as scratch:
        folder = Path(scratch) / "fits"
        generate(folder, rows)
        fits = {batch: _throughput(folder, rows, rounds, batch, wish) for batch in BATCHES}
    sections = [
        (f"A set that fits: {rows:,} rows x {TABLE_COLUMNS} floats, batch {batch}, float32", text)
        for batch, (text, _) in fits.items()
    ]
    raw = {batch: results for batch, (_, results) in fits.items()}
    setting = {
        "data": DATA,
        "network": TASKS["table"].shape,
        "in memory": "the folder read into one Arrow table, then fit; streamed: the path, with isthmus' memory "
        "budget set to 0",
        "timing": f"median of the epochs after the first, {rounds} interleaved rounds in fresh processes",
        "seed": wish.seed,
        "threads": wish.threads,
    }
    return publish("stream", "Streaming", sections, setting, raw, out=wish.out)


def generate(folder: Path, rows: int) -> float:
    """Write the parts in another process, so that none of its memory is counted; GB written."""
    call = [sys.executable, "-m", "benchmarks.parquet_parts", str(folder), "--rows", str(rows)]
    done = subprocess.run(call, cwd=ROOT, env=environment(1), capture_output=True, text=True, check=True)
    return int(done.stdout) / 1e9


def _throughput(
    folder: Path, rows: int, rounds: int, batch: int, wish: Namespace
) -> tuple[str, dict[str, list[Result]]]:
    arguments = [folder, "--batch", batch, "--epochs", 3, "--seed", wish.seed, "--threads", wish.threads]
    results = interleaved([MEMORY, STREAM], rounds, lambda who: ask(who, arguments, threads=wish.threads))
    good = {name: [one for one in all_ if "failed" not in one] for name, all_ in results.items()}
    rates = {
        name: [rows / median(one["seconds_per_epoch"][1:]) for one in all_] for name, all_ in good.items()
    }
    lines = []
    for name, all_ in results.items():
        if not good[name]:
            lines.append([name, "-", "-", "-", "-", all_[-1]["failed"]])
            continue
        lines.append(
            [
                name,
                spread(rates[name], 0),
                spread(ratios(rates[MEMORY.name], rates[name])),
                f"{max(one['peak_rss_mb'] for one in good[name]):.0f}",
                f"{median(one['loss'] for one in good[name]):.3f}",
                "",
            ]
        )
    return markdown(["", "rows/s", "x in memory", "peak MB", "last loss, nats", "notes"], lines), results
