"""Part ``epochs``: seconds an epoch, final test error and peak memory, at equal everything."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from statistics import median
from typing import Any

from benchmarks.environments import Contender
from benchmarks.measure import Result, ask, interleaved, ratios, spread
from benchmarks.tables import markdown, publish
from benchmarks.tasks import TASKS, prepare

PLAIN = Contender("plain PyTorch loop", "plain")
OURS = Contender("isthmus float32", "isthmus", ("--precision", "float32"))
OURS_AUTO = Contender("isthmus default precision", "isthmus", ("--precision", "auto"))
PEERS = (Contender("Pythae", "pythae"), Contender("PyOD", "pyod"), Contender("skorch", "skorch"))
FUSED = tuple(Contender(f"{peer.name}, fused Adam", peer.worker, ("--fused",)) for peer in PEERS)
BATCHES = {"mnist": (32, 128, 1024), "table": (32, 128, 1024), "deep": (512,)}
QUICK_ROWS = {"mnist": 5_000, "table": 20_000, "deep": 10_000}


def add_arguments(parser: ArgumentParser) -> None:
    """The choices of this part."""
    parser.add_argument("--tasks", default="mnist,table,deep", help="of mnist, table, deep")
    parser.add_argument("--batches", help="batch sizes in place of 32,128,1024 (deep: 512)")
    parser.add_argument("--contenders", help="of isthmus, plain, pythae, pyod, skorch (default: all)")
    parser.add_argument(
        "--epochs", type=int, help="epochs of each training; the first is not timed (default: 4)"
    )
    parser.add_argument("--rounds", type=int, help="interleaved rounds (default: 3)")
    parser.add_argument("--fused-peers", action="store_true", help="also run the peers with fused Adam")


def run(wish: Namespace) -> str:
    """Measure and publish; returns the markdown."""
    epochs = wish.epochs or (3 if wish.quick else 4)
    rounds = wish.rounds or (1 if wish.quick else 3)
    sections, raw, text = [], [], ""
    for name in wish.tasks.split(","):
        prepare(TASKS[name])
        batches = BATCHES[name] if wish.batches is None else tuple(map(int, wish.batches.split(",")))
        for batch in batches:
            arguments = ["--task", name, "--batch", batch, "--epochs", epochs, "--seed", wish.seed]
            arguments += ["--threads", wish.threads]
            if wish.quick:
                arguments += ["--rows", QUICK_ROWS[name]]
            heading = f"{name} {TASKS[name].shape}, batch {batch}"
            sys.stderr.write(f"{heading}\n")
            chosen = _contenders(name, wish)
            results = interleaved(
                chosen, rounds, lambda who, told=arguments: ask(who, told, threads=wish.threads)
            )
            sections.append((heading, _table(results)))
            raw.append({"task": name, "batch": batch, "contenders": results})
            # After every section, so that an interrupted run leaves what it has measured.
            setting = _setting(wish, epochs, rounds)
            text = publish("epochs", "Seconds an epoch", sections, setting, raw, out=wish.out)
    return text


def _contenders(task: str, wish: Namespace) -> list[Contender]:
    everyone = [PLAIN, OURS, *([] if task == "table" else [OURS_AUTO]), *([] if task == "deep" else PEERS)]
    if wish.fused_peers and task != "deep":
        everyone += FUSED
    if wish.contenders is None:
        return everyone
    return [who for who in everyone if who.worker in wish.contenders.split(",")]


def epoch_seconds(result: Result, kind: str = "seconds_per_epoch") -> float:
    """Median of the epochs after the first, which holds set-up and warming."""
    return median(result[kind][1:] or result[kind])


def _table(results: dict[str, list[Result]]) -> str:
    good = {name: [one for one in all_ if "failed" not in one] for name, all_ in results.items()}
    seconds = {name: [epoch_seconds(one) for one in all_] for name, all_ in good.items()}
    rows = []
    for name, all_ in results.items():
        if not good[name]:
            rows.append([name, *["-"] * 6, all_[-1]["failed"] if all_ else "not run"])
            continue
        rows.append(
            [
                name,
                spread(seconds[name], 3),
                spread(ratios(seconds.get(PLAIN.name, []), seconds[name])),
                spread(ratios(seconds.get(OURS.name, []), seconds[name])),
                f"{median(epoch_seconds(one, 'cpu_seconds_per_epoch') for one in good[name]):.3f}",
                f"{median(one['test_squared_error'] for one in good[name]):.3f}",
                f"{max(one['peak_rss_mb'] for one in good[name]):.0f}",
                "; ".join(f"{key}: {value}" for key, value in good[name][0]["notes"].items()),
            ]
        )
    columns = [
        "",
        "s an epoch",
        "x plain loop",
        "x isthmus",
        "processor s",
        "test squared error",
        "peak MB",
        "notes",
    ]
    return markdown(columns, rows)


def _setting(wish: Namespace, epochs: int, rounds: int) -> dict[str, Any]:
    return {
        "data": "; ".join(f"{name}: {TASKS[name].split}" for name in wish.tasks.split(",")),
        "training rows": f"the first {QUICK_ROWS} only (--quick)" if wish.quick else "all",
        "training": f"Adam, learning rate 1e-3 constant, {epochs} epochs, squared error, no validation",
        "timing": f"median of the epochs after the first; {rounds} rounds, interleaved, a fresh process each; "
        "ratios within a round, median (smallest to largest)",
        "test squared error": "summed over features, averaged over the test rows",
        "peers": "their own loops and their own default of Adam; network, batch, epochs and threads as all",
        "seed": wish.seed,
        "threads": wish.threads,
    }
