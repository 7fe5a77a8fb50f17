"""Part ``stream``: training from a Parquet folder beside training from memory, and memory beyond the limit."""

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
LIMITED = Contender("limited", WORKER, ("--mode", "path", "--all"))
ROW_BYTES = 4 * TABLE_COLUMNS
#: More than one, so that the stream is copied to disk as it is by default.
LARGE_EPOCHS = 2
BATCHES = (256, 1024)  # isthmus' default, and one where a step leaves the least time to read


def add_arguments(parser: ArgumentParser) -> None:
    """The choices of this part."""
    parser.add_argument("--stream-rows", type=int, help="rows of the set that fits (default: 1,000,000)")
    parser.add_argument("--large-gb", type=float, help="size of the folder that does not fit (default: 4)")
    parser.add_argument(
        "--limit-gb", type=float, default=1.5, help="memory limit of the large folder's process"
    )
    parser.add_argument("--scratch", type=Path, help="folder for the generated data, removed afterwards")


def run(wish: Namespace) -> str:
    """Measure and publish; returns the markdown."""
    rows = wish.stream_rows or (100_000 if wish.quick else 1_000_000)
    large = wish.large_gb if wish.large_gb is not None else (0.1 if wish.quick else 4.0)
    rounds = 1 if wish.quick else 3
    with tempfile.TemporaryDirectory(prefix="isthmus-bench-", dir=wish.scratch) as scratch:
        folder = Path(scratch) / "fits"
        _generate(folder, rows)
        fits = {batch: _throughput(folder, rows, rounds, batch, wish) for batch in BATCHES}
        limited = _limited(Path(scratch), large, wish)
    sections = [
        *(
            (f"A set that fits: {rows:,} rows x {TABLE_COLUMNS} floats, batch {batch}, float32", text)
            for batch, (text, _) in fits.items()
        ),
        (
            f"Under a limit of {wish.limit_gb:g} GB: fit {LARGE_EPOCHS} epochs, evaluate, encode",
            _limited_table(limited),
        ),
    ]
    raw = {"throughput": {batch: results for batch, (_, results) in fits.items()}, "limited": limited}
    setting = {
        "data": "Parquet parts of 500,000 rows in groups of 50,000, "
        f"{TABLE_COLUMNS} float32 columns, uncompressed, generated and seeded",
        "network": TASKS["table"].shape,
        "in memory": "the folder read into one Arrow table, then fit; streamed: the path, with isthmus' memory "
        "budget set to 0",
        "timing": f"median of the epochs after the first, {rounds} interleaved rounds in fresh processes",
        "limit": "RLIMIT_AS of the process, as by ulimit -v: all of its address space, libraries included",
        "seed": wish.seed,
        "threads": wish.threads,
    }
    return publish("stream", "Streaming", sections, setting, raw, out=wish.out)


def _generate(folder: Path, rows: int) -> float:
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


def _limited(scratch: Path, gigabytes: float, wish: Namespace) -> list[Result]:
    """A quarter of the size and the whole, so that the peak is seen to be the same."""
    results = []
    for share in (0.25, 1.0):
        folder = scratch / f"large-{share}"
        rows = int(gigabytes * 1e9 * share / ROW_BYTES)
        written = _generate(folder, rows)
        arguments = [folder, "--epochs", LARGE_EPOCHS, "--seed", wish.seed, "--threads", wish.threads]
        arguments += ["--limit-mb", int(wish.limit_gb * 1000)]
        sys.stderr.write(f"  {written:.2f} GB, {rows:,} rows under {wish.limit_gb:g} GB\n")
        results.append(
            {"gb": written, "rows": rows} | ask(LIMITED, arguments, threads=wish.threads, patience=3600)
        )
        for path in folder.iterdir():
            path.unlink()
    return results


def _limited_table(results: list[Result]) -> str:
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
