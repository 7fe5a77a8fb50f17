"""Part ``encode``: rows a second from array to codes."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from benchmarks.environments import Contender
from benchmarks.measure import ask, ratios, spread
from benchmarks.tables import markdown, publish
from benchmarks.tasks import TASKS, prepare

WORKER = Contender("encoding", "encoding")
ENCODED = ("mnist", "table", "deep")


def add_arguments(parser: ArgumentParser) -> None:
    """The choices of this part."""
    parser.add_argument("--calls", default="1,32,1024,10000", help="rows a call of transform")


def run(wish: Namespace) -> str:
    """Measure and publish; returns the markdown."""
    rounds = 2 if wish.quick else 5
    sections, raw = [], {}
    for name in ENCODED[1:2] if wish.quick else ENCODED:
        prepare(TASKS[name])
        arguments = ["--task", name, "--seed", wish.seed, "--threads", wish.threads]
        answer = ask(WORKER, [*arguments, "--rounds", rounds, "--calls", wish.calls], threads=wish.threads)
        raw[name] = answer
        sections.append((f"{name} {TASKS[name].shape}", answer.get("failed") or _table(answer)))
    setting = {
        "data": "test rows, a float32 array in, a float32 array out",
        "plain loop": "the same weights, inference mode, chunks of 1024 rows",
        "timing": f"{rounds} alternating rounds of 0.4 s in one process; ratios within a round, "
        "median (smallest to largest)",
        "seed": wish.seed,
        "threads": wish.threads,
    }
    return publish("encode", "Encoding", sections, setting, raw, out=wish.out)


def _table(answer: dict) -> str:
    rows = []
    for calls, rates in answer["rates"].items():
        quotients = ratios(rates["plain"], rates["isthmus"])
        rows.append([calls, spread(rates["isthmus"], 0), spread(rates["plain"], 0), spread(quotients)])
    table = markdown(["rows a call", "isthmus, rows/s", "plain loop, rows/s", "isthmus / plain"], rows)
    return f"{table}\n\nLargest difference between the two codes: {answer['largest_difference']:.1e}."
