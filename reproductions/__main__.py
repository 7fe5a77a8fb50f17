"""``python -m reproductions [NAME ...]``: measures, prints, and writes ``reproductions/results``."""

from __future__ import annotations

import argparse
import pkgutil
import sys
from importlib import import_module
from pathlib import Path

from benchmarks.tables import markdown, publish
from benchmarks.tasks import MissingDataError

from reproductions import page
from reproductions.protocol import Reproduction

HERE = Path(__file__).resolve().parent
PLUMBING = ("mnist", "networks", "page", "protocol")


def names() -> list[str]:
    """Every reproduction, by listing this folder."""
    found = (info.name for info in pkgutil.iter_modules([str(HERE)]))
    return sorted(name for name in found if name not in PLUMBING and not name.startswith("_"))


def main() -> int:
    """Run the reproductions that are named, all of them by default."""
    parser = argparse.ArgumentParser(prog="python -m reproductions", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names())} (default: all)")
    parser.add_argument(
        "--quick", action="store_true", help="few rows and epochs: checks that all runs, not a result"
    )
    parser.add_argument("--seeds", default="0,1,2", help="comma-separated (default: 0,1,2)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, help="folder of the results (default: beside this file)")
    wish = parser.parse_args()
    wish.seeds = tuple(int(seed) for seed in wish.seeds.split(","))
    unknown = [name for name in wish.names if name not in names()]
    if unknown:
        parser.error(f"unknown reproduction {unknown[0]!r}: choose from {', '.join(names())}")
    out = wish.out or (HERE / "quick" if wish.quick else page.RESULTS)
    for name in wish.names or names():
        try:
            found: Reproduction = import_module(f"reproductions.{name}").run(wish)
        except MissingDataError as missing:
            sys.stderr.write(f"{name}: {missing}\n")
            return 2
        sys.stdout.write(_published(name, found, out) + "\n")
    if out == page.RESULTS:
        page.write()
    return 0


def _published(name: str, found: Reproduction, out: Path) -> str:
    claims = [[claim.text, "yes" if claim.holds else "NO", claim.numbers] for claim in found.claims]
    sections = [
        ("Published", found.anchor),
        *found.sections,
        ("What holds", markdown(["claim", "holds", "numbers"], claims)),
        ("Gap and why", found.gap),
    ]
    return publish(name, found.title, sections, found.setting, found.raw, out=out)


if __name__ == "__main__":
    sys.exit(main())
