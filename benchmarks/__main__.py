"""``python -m benchmarks [PART ...]``: measures, prints tables and writes ``benchmarks/results``."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path

from benchmarks.tasks import MissingDataError

PARTS = ("epochs", "quality", "encode", "stream", "limits", "optimizers", "penalties", "estimates")
#: Run only when named.
ASIDE = ("initial_weights",)


def main() -> int:
    """Run the parts that are named, all of them by default."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)} (default: all), {', '.join(ASIDE)}"
    )
    parser.add_argument(
        "--quick", action="store_true", help="few rows, one round: checks that all runs, not a result"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent / "results", help="folder of the results"
    )
    modules = {part: import_module(f"benchmarks.{part}") for part in (*PARTS, *ASIDE)}
    for part, module in modules.items():
        module.add_arguments(parser.add_argument_group(f"part {part}"))
    wish = parser.parse_args()
    unknown = [part for part in wish.parts if part not in modules]
    if unknown:
        parser.error(f"unknown part {unknown[0]!r}: choose from {', '.join(modules)}")
    for part in wish.parts or PARTS:
        try:
            sys.stdout.write(modules[part].run(wish) + "\n")
        except MissingDataError as missing:
            sys.stderr.write(f"{part}: {missing}\n")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
