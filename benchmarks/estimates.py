"""Part ``estimates``: the doctor's estimates of the dimension and its two-sample test, beside those of others."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

import numpy as np

from benchmarks.environments import Contender
from benchmarks.measure import Result, ask
from benchmarks.samples import MANIFOLDS, PAIRS
from benchmarks.tables import markdown, publish

OURS, THEIRS = Contender("isthmus", "estimates"), Contender("scikit-dimension and hyppo", "references")
#: Level of the tests.
LEVEL = 0.05


def add_arguments(parser: ArgumentParser) -> None:
    """The choices of this part."""
    parser.add_argument(
        "--draws", type=int, default=10, help="sets of rows whose dimension is estimated, of each kind"
    )
    parser.add_argument(
        "--pair-draws", type=int, default=100, help="pairs of sets that are tested, of each kind"
    )


def run(wish: Namespace) -> str:
    """Both on the same rows, each in a process of its own."""
    rows, pair_rows, permutations = (100, 30, 20) if wish.quick else (1000, 100, 200)
    draws, pair_draws = (1, 2) if wish.quick else (wish.draws, wish.pair_draws)
    arguments = ["--rows", rows, "--draws", draws, "--pair-rows", pair_rows, "--pair-draws", pair_draws]
    arguments += ["--permutations", permutations, "--seed", wish.seed]
    answers = {who.name: ask(who, arguments, threads=wish.threads) for who in (OURS, THEIRS)}
    setting = {
        "data": "drawn at random, see benchmarks/samples.py; the same rows for both",
        "rows": f"{rows:,} a manifold, {pair_rows} of each set of a pair",
        "draws": f"{draws} of each manifold, {pair_draws} of each pair",
        "permutations": permutations,
        "seed": wish.seed,
        "threads": wish.threads,
    }
    sections = [
        ("Dimension", _dimensions(answers)),
        ("Two-sample test", _tests(answers)),
        ("Time", _seconds(answers)),
    ]
    failed = {name: str(answer["failed"]) for name, answer in answers.items() if "failed" in answer}
    return publish(
        "estimates", "Estimates beside those of others", sections, setting | failed, answers, out=wish.out
    )


def _dimensions(answers: dict[str, Result]) -> str:
    """Means over draws, with their standard deviation, and the largest difference on equal rows."""
    table = []
    for method in ("TwoNN", "MLE"):
        for manifold, (true, _) in MANIFOLDS.items():
            line = [method, manifold, str(true)]
            values = [np.array(one["dimensions"][method][manifold]) for one in _given(answers)]
            line += [f"{found.mean():.2f} ({found.std():.2f})" for found in values]
            line.append(f"{np.abs(values[0] - values[1]).max():.2f}" if len(values) == 2 else "-")
            table.append(line)
    head = ["estimator", "rows", "true", *_names(answers), "largest difference"]
    return markdown(head, table)


def _tests(answers: dict[str, Result]) -> str:
    """How often sets were called different, and how often both said the same."""
    table = []
    for pair in PAIRS:
        called = [np.array(one["p"][pair]) < LEVEL for one in _given(answers)]
        line = [pair, *(f"{found.mean():.2f}" for found in called)]
        line.append(f"{(called[0] == called[1]).mean():.2f}" if len(called) == 2 else "-")
        table.append(line)
    head = ["sets", *(f"called different by {name}" for name in _names(answers)), "same verdict"]
    return markdown(head, table)


def _seconds(answers: dict[str, Result]) -> str:
    methods = ("TwoNN", "MLE", "kernel test")
    table = [[method, *(f"{one['seconds'][method]:.2f}" for one in _given(answers))] for method in methods]
    return markdown(["method", *(f"{name}, s in all" for name in _names(answers))], table)


def _given(answers: dict[str, Result]) -> list[Result]:
    return [one for one in answers.values() if "failed" not in one]


def _names(answers: dict[str, Result]) -> list[str]:
    return [name for name, one in answers.items() if "failed" not in one]
