"""Part ``quality``: seconds of training until the deep network reaches given test errors."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from typing import Any

from benchmarks.environments import Contender
from benchmarks.measure import ROOT, Result, command, environment
from benchmarks.tables import markdown, publish
from benchmarks.tasks import TASKS, prepare

OURS = Contender("isthmus, recipe hinton2006", "quality_isthmus")
PLAIN = Contender("plain PyTorch loop, tuned Adam", "quality_plain")
TARGETS = (6.0, 4.25, 3.0)


def add_arguments(parser: ArgumentParser) -> None:
    """The choices of this part."""
    parser.add_argument("--targets", default=",".join(map(str, TARGETS)), help="test squared errors")
    parser.add_argument("--only", choices=("isthmus", "plain"), help="one of the two alone")
    parser.add_argument(
        "--stop", action="store_true", help="stop a worker at the last target instead of its budget"
    )


class Worker:
    """A training in its own process that waits after every epoch."""

    def __init__(self, who: Contender, arguments: list[object], threads: int) -> None:
        self.who = who
        # A pipe that nobody reads would fill and block the worker.
        self.errors = tempfile.TemporaryFile(mode="w+")  # noqa: SIM115 - lives as long as the worker
        self.process = subprocess.Popen(
            command(who, arguments),
            cwd=ROOT,
            env=environment(threads),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )
        self.curve: list[Result] = []
        self.failed = ""
        self.running = True

    def wait_for_epoch(self) -> None:
        """Read the epoch that is being trained; notes the end and a failure."""
        line = (self.process.stdout or sys.stdin).readline()
        if line.startswith("{"):
            self.curve.append(json.loads(line))
            last = self.curve[-1]
            sys.stderr.write(
                f"  {self.who.name}: epoch {last['epoch']}, {last['seconds']:.1f} s, {last['test_squared_error']:.3f}\n"
            )
            return
        self.running = False
        if self.process.wait():
            self.errors.seek(0)
            self.failed = " ".join(self.errors.read().splitlines()[-2:])[:400]

    def answer(self, word: str) -> None:
        """``go`` or ``stop``."""
        if self.process.stdin is not None:
            self.process.stdin.write(word + "\n")
            self.process.stdin.flush()


def run(wish: Namespace) -> str:
    """Let the contenders train in turns, an epoch each, and publish."""
    prepare(TASKS["deep"])
    targets = [float(target) for target in wish.targets.split(",")]
    arguments: list[object] = ["--seed", wish.seed, "--threads", wish.threads]
    if wish.quick:
        arguments += ["--rows", 6_000, "--epochs", 3]
    chosen = [who for who in (OURS, PLAIN) if wish.only is None or who.worker.endswith(wish.only)]
    workers = [_take_turn(Worker(who, arguments, wish.threads)) for who in chosen]
    while any(worker.running for worker in workers):
        for worker in workers:
            if worker.running:
                reached = wish.stop and worker.curve[-1]["test_squared_error"] <= targets[-1]
                worker.answer("stop" if reached else "go")
                _take_turn(worker)
    curves = {worker.who.name: worker.curve for worker in workers}
    failures = {worker.who.name: worker.failed for worker in workers if worker.failed}
    sections = [("Seconds of training to a test squared error", _table(curves, failures, targets))]
    sections.append(("Curves", _curves(curves)))
    raw = {"targets": targets, "curves": curves, "failures": failures}
    return publish("quality", "Time to quality", sections, _setting(wish), raw, out=wish.out)


def _take_turn(worker: Worker) -> Worker:
    """One epoch while the other worker waits."""
    worker.wait_for_epoch()
    return worker


def seconds_to(curve: list[Result], target: float) -> float | None:
    """Training seconds at the end of the first epoch that reached ``target``."""
    return next((point["seconds"] for point in curve if point["test_squared_error"] <= target), None)


def _table(curves: dict[str, list[Result]], failures: dict[str, str], targets: list[float]) -> str:
    times = {name: [seconds_to(curve, target) for target in targets] for name, curve in curves.items()}
    rows = []
    for name, curve in curves.items():
        if not curve:
            rows.append([name, *["-"] * (len(targets) + 3), failures.get(name, "no epoch was finished")])
            continue
        best = min(point["test_squared_error"] for point in curve)
        last = curve[-1]
        shown = ["never" if value is None else f"{value:.0f}" for value in times[name]]
        rows.append(
            [
                name,
                *shown,
                f"{last['test_squared_error']:.2f}",
                f"{best:.2f}",
                f"{last['epoch']} in {last['seconds']:.0f} s",
                failures.get(name, ""),
            ]
        )
    if len(times) == 2:
        ours, plain = times.values()
        quotients = [_quotient(one, two) for one, two in zip(ours, plain, strict=True)]
        rows.append(["plain / isthmus", *quotients, "", "", "", ""])
    return markdown(["", *(f"to {target:g}" for target in targets), "last", "best", "epochs", "notes"], rows)


def _quotient(ours: float | None, plain: float | None) -> str:
    if ours is None or plain is None:
        return "-"
    return f"{plain / ours:.1f}"


def _curves(curves: dict[str, list[Result]]) -> str:
    longest = max((len(curve) for curve in curves.values()), default=0)
    rows = []
    for number in range(longest):
        row = [str(number + 1)]
        for curve in curves.values():
            point = curve[number] if number < len(curve) else None
            row += (
                ["", ""]
                if point is None
                else [f"{point['seconds']:.1f}", f"{point['test_squared_error']:.3f}"]
            )
        rows.append(row)
    heads = [head for name in curves for head in (f"{name}: s", "error")]
    return markdown(["epoch", *heads], rows)


def _setting(wish: Namespace) -> dict[str, Any]:
    return {
        "data": TASKS["deep"].split,
        "training rows": "the first 6,000 for 3 epochs (--quick)" if wish.quick else "all",
        "network": f"{TASKS['deep'].shape}, ReLU, sigmoid output",
        "plain loop": "fused Adam, peak rate 2e-3, linear decay to 0 over 70 epochs, batch 512, float32, "
        "PyTorch's initial weights",
        "isthmus": "the recipe as it comes",
        "clock": "from the start of the training call, all but evaluation and waiting; errors after every epoch; "
        "both in turns, an epoch each, in processes of their own",
        "seed": wish.seed,
        "threads": wish.threads,
    }
