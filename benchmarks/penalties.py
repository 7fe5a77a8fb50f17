"""Part ``penalties``: what a training step costs with one part more, beside the plain step."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from statistics import median

from benchmarks.environments import Contender
from benchmarks.measure import Result, ask, ratios, spread
from benchmarks.tables import markdown, publish
from benchmarks.tasks import TASKS, prepare

WORKER = Contender("penalties", "penalties")
LOOP = "PyTorch loop, plain"
ESTIMATE = "Contractive"
BRUTE = ("PyTorch loop, Jacobian row by row", "PyTorch loop, vmap(jacrev)", "Contractive, all directions")
#: The most that a step may cost, in plain steps of isthmus with the same layers.
TARGETS = {
    "GaussianNoise(0.3)": 1.15,
    "Masking(0.3)": 1.15,
    "SaltAndPepper(0.3)": 1.15,
    "L1 on the code": 1.15,
    "L1 on hidden layers": 1.15,
    "KLSparsity on the code": 1.15,
    "KLSparsity on hidden layers": 1.15,
    "TopK(k=5)": 1.15,
    "Relational": 1.3,
    ESTIMATE: 2.5,
}


def add_arguments(parser: ArgumentParser) -> None:
    """The choices of this part."""
    parser.add_argument("--turns", type=int, help="turns of all contenders (default: 40)")
    parser.add_argument("--step-rows", type=int, default=256, help="rows of a step")


def run(wish: Namespace) -> str:
    """Measure and publish; returns the markdown."""
    turns = wish.turns or (3 if wish.quick else 40)
    prepare(TASKS["mnist"])
    arguments = ["--batch", wish.step_rows, "--turns", turns, "--seed", wish.seed, "--threads", wish.threads]
    answer = ask(WORKER, arguments, threads=wish.threads)
    sections = [("Steps", answer.get("failed") or _steps(answer))]
    if "failed" not in answer:
        sections.append(("The whole Jacobian instead of products with it", _jacobians(answer)))
    setting = {
        "data": TASKS["mnist"].split,
        "network": f"{TASKS['mnist'].shape}, squared error, batch {wish.step_rows}, float32, fused Adam",
        "timing": f"{turns} turns; in a turn every contender takes 6 steps, of which 5 are timed, next to as many "
        "plain ones on the same batches (of isthmus with the same layers, or of PyTorch); medians of the turns "
        "(smallest to largest)",
        "seed": wish.seed,
        "threads": wish.threads,
    }
    return publish(
        "penalties", "The cost of a part in a training step", sections, setting, answer, out=wish.out
    )


def _steps(answer: Result) -> str:
    pairs = answer["pairs"]
    loop = {turn: mine for turn, (mine, _) in enumerate(pairs[LOOP])}
    rows = []
    for name, turns in pairs.items():
        mine, plain = map(list, zip(*turns, strict=True))
        quotients = ratios(plain, mine)
        target = TARGETS.get(name)
        rows.append(
            [
                name,
                f"{median(mine) * 1e3:.1f}",
                spread(quotients),
                f"{median(one / loop[turn] for turn, one in enumerate(mine)):.2f}",
                "" if target is None else f"{target:g}",
                "" if target is None else ("yes" if median(quotients) <= target else "NO"),
            ]
        )
    columns = ["", "ms a step", "x the plain step beside it", "x PyTorch loop, plain", "at most", "holds"]
    return markdown(columns, rows)


def _jacobians(answer: Result) -> str:
    """Whole steps, and what a step costs beyond the plain one of its kind: the penalty alone."""
    pairs = answer["pairs"]
    own = _beyond(pairs[ESTIMATE])
    rows = []
    for name in BRUTE:
        alone = _beyond(pairs[name])
        whole = ratios(
            [mine for mine, _ in pairs[ESTIMATE]][: len(pairs[name])], [mine for mine, _ in pairs[name]]
        )
        rows.append([name, spread(whole, 1), f"{alone * 1e3:.0f}", f"{alone / own:.1f}"])
    columns = ["", "step / step with Contractive", "penalty alone, ms", "penalty alone / Contractive alone"]
    table = markdown(columns, rows)
    return f"{table}\n\nContractive alone: {own * 1e3:.1f} ms. At least 15 times faster is asked of the penalty alone."


def _beyond(turns: list[tuple[float, float]]) -> float:
    """Median of the seconds by which a step takes longer than the plain one beside it."""
    return median(mine - plain for mine, plain in turns)
