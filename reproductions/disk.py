"""A scalar code that bridges radii it never saw: disks with a hole in their radii, plain and regularized."""

from __future__ import annotations

import multiprocessing
import sys
import time
from argparse import Namespace
from concurrent.futures import ProcessPoolExecutor

import numpy as np
from benchmarks.tables import markdown
from scipy.stats import spearmanr

from isthmus import recipes
from isthmus.data.disks import disks
from reproductions.protocol import Claim, Reproduction

HOLE = (11.0, 18.0)
#: Radii taken out of the training set besides the hole while the weight is chosen: as many as the hole has.
REHEARSED = ((21.0, 28.0),)
WEIGHTS = (1.0, 10.0, 30.0, 100.0)
#: Weight of the penalty on interpolated codes, in the models that have it.
INTERPOLATION = 2.0
TRAIN, TEST, EPOCHS = 1000, 300, 312
PLAIN, DECAY, BOTH = "plain", "encoder decay", "encoder decay and interpolation"

Numbers = dict[str, float]
Task = tuple[float, float, int, int, bool]


def run(wish: Namespace) -> Reproduction:
    """Choose the weight on rehearsed holes, then train plain and regularized models with every seed."""
    epochs = 5 if wish.quick else EPOCHS
    weights = WEIGHTS[:2] if wish.quick else WEIGHTS
    first = wish.seeds[0]
    rehearsed = _all([(weight, 0.0, first, epochs, True) for weight in weights], wish)
    scores = dict(zip(weights, rehearsed, strict=True))
    # The error itself, not its ratio: a model that is bad everywhere has a small ratio.
    chosen = min(scores, key=lambda weight: scores[weight]["inside"])
    models = {
        PLAIN: (0.0, 0.0),
        DECAY: (chosen, 0.0),
        BOTH: (chosen, INTERPOLATION),
    }
    tasks = [(*models[name], seed, epochs, False) for name in models for seed in wish.seeds]
    results = iter(_all(tasks, wish))
    found = {name: [next(results) for _ in wish.seeds] for name in models}
    return Reproduction(
        title="Disks with a hole in their radii",
        anchor="Newson et al. (2019), Processing simple geometric attributes with autoencoders: without radii 11 to 18 "
        "the plain autoencoder fails to reconstruct disks of these radii; weight decay on the encoder only helps most "
        "(shown in figures). Target of ours: mean squared error inside the hole at most twice that outside, Spearman "
        "correlation of the code with the disk's area at least .99.",
        sections=[("Test disks", _table(found)), ("Choice of the weight", _choices(scores, chosen))],
        claims=_claims(found),
        gap=GAP,
        setting={
            "data": f"disks of 63 x 63 pixels, {TRAIN:,} training radii uniform outside {HOLE}",
            "test": f"{TEST} equally spaced radii in (0, 31.5), {_inside(_test()[1], HOLE).sum()} of them in the hole",
            "choice of the weight": f"smallest error in {REHEARSED[0]}, left out of the training as well; "
            f"seed {first}; nothing inside the hole is looked at",
            "network": "recipe disk: channels 1-8-4-3-2-1 down to a scalar, mirrored",
            "penalty on interpolated codes": f"weight {INTERPOLATION:g}",
            "budget": f"{epochs * -(-TRAIN // 64):,} steps of 64, Adam at .003",
            "seeds": ", ".join(map(str, wish.seeds)),
            "threads": wish.threads,
        },
        raw={"rehearsed": scores, "chosen": chosen, "found": found},
    )


def _all(tasks: list[Task], wish: Namespace) -> list[Numbers]:
    """What :func:`_trained` gives for each task; as many at a time as there are threads, one thread each."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(wish.threads, mp_context=context) as pool:
        return list(pool.map(_trained, tasks))


def _trained(task: Task) -> Numbers:
    """Train one model; errors inside and outside the hole, or of the rehearsed holes without a look at the hole."""
    weight, interpolation, seed, epochs, rehearsal = task
    images, radii = disks(TRAIN, exclude=HOLE, seed=seed)
    holes = REHEARSED if rehearsal else (HOLE,)
    if rehearsal:
        images = images[~np.any([_inside(radii, hole) for hole in REHEARSED], axis=0)]
    model = recipes.disk(regularization=weight, interpolation=interpolation, epochs=epochs, random_state=seed)
    started = time.perf_counter()
    model.set_params(training__threads=1).fit(images)
    seconds = time.perf_counter() - started
    sys.stderr.write(
        f"  weight {weight:g} interpolation {interpolation:g} seed {seed}{' rehearsal' * rehearsal}: {seconds:.0f} s\n"
    )
    tried, radii = _test()
    errors = model.reconstruction_error(tried)
    known = ~_inside(radii, HOLE) if rehearsal else np.ones(len(radii), dtype=bool)
    inside = np.any([_inside(radii, hole) for hole in holes], axis=0)
    order = spearmanr(model.transform(tried[known])[:, 0], radii[known]).statistic
    within, outside = float(errors[inside].mean()), float(errors[known & ~inside].mean())
    return {
        "seed": seed,
        "inside": within,
        "outside": outside,
        "ratio": within / outside,
        "spearman": abs(float(order)),
        "seconds": seconds,
    }


def _test() -> tuple[np.ndarray, np.ndarray]:
    return disks(TEST, spaced=True, seed=20_000)


def _inside(radii: np.ndarray, hole: tuple[float, float]) -> np.ndarray:
    return (radii > hole[0]) & (radii < hole[1])


def _claims(found: dict[str, list[Numbers]]) -> list[Claim]:
    ratios = {name: [one["ratio"] for one in runs] for name, runs in found.items()}
    orders = [one["spearman"] for name in (DECAY, BOTH) for one in found[name]]
    inside = {name: float(np.mean([one["inside"] for one in runs])) for name, runs in found.items()}
    claims = [
        Claim(
            f"error in the hole at most twice that outside, in the mean over seeds: {name}",
            float(np.mean(ratios[name])) <= 2,
            ", ".join(f"{ratio:.2f}" for ratio in ratios[name]),
        )
        for name in (DECAY, BOTH)
    ]
    return [
        *claims,
        Claim(
            "Spearman correlation of the code with the area at least .99, every seed",
            all(order >= 0.99 for order in orders),  # NaN, a constant code, is not
            ", ".join(f"{order:.4f}" for order in orders),
        ),
        Claim(
            "the regularized model has a smaller error in the hole than the plain one, in the mean over seeds",
            inside[DECAY] < inside[PLAIN],
            ", ".join(f"{name} {value:.5f}" for name, value in inside.items()),
        ),
        Claim(
            "the plain model does not bridge the hole",
            float(np.mean(ratios[PLAIN])) > 2,
            ", ".join(f"{ratio:.2f}" for ratio in ratios[PLAIN]),
        ),
    ]


def _table(found: dict[str, list[Numbers]]) -> str:
    columns = ["model", "seed", "mse in the hole", "mse outside", "ratio", "Spearman(z, area)", "seconds"]
    rows = [
        [
            name,
            f"{one['seed']:g}",
            f"{one['inside']:.5f}",
            f"{one['outside']:.5f}",
            f"{one['ratio']:.2f}",
            f"{one['spearman']:.4f}",
            f"{one['seconds']:.0f}",
        ]
        for name, runs in found.items()
        for one in runs
    ]
    return markdown(columns, rows)


def _choices(scores: dict[float, Numbers], chosen: float) -> str:
    rows = [
        [
            f"{weight:g}{' (chosen)' if weight == chosen else ''}",
            f"{numbers['inside']:.5f}",
            f"{numbers['outside']:.5f}",
        ]
        for weight, numbers in scores.items()
    ]
    return markdown(["weight", "mse in the rehearsed holes", "mse elsewhere outside the hole"], rows)


GAP = (
    "The paper's text was not at hand; network and data follow what is known to us of its code. Ours differs "
    "in a scale and an offset on either side of the code, hyperbolic tangents where the paper has leaky "
    "rectifiers, logits under a cross-entropy where it has pixels under a squared error, an average of the "
    "weights, and 100 shifted disks an image. What came before: with squared error, leaky rectifiers, 10,000 "
    "steps at .01 and weight 1 ratios of 2.85 and 2.67 with two seeds and a constant code with the third; with "
    "exponential linear units and weight 0.3, chosen on two narrow holes, 9.3, 1.6 and 10.2; weight 3, tried "
    "with the real hole in view, a constant code. All else was tried in the rehearsed hole, with seeds 10 to "
    "12: with squared error of linear outputs the error in it stayed near .03, a blend, whatever the weight; "
    "logits brought it to .005 to .02, and hyperbolic tangents to .003 to .005, while the error outside fell to "
    ".0005: the best model in the hole has not the smallest ratio. With the real hole that holds for one seed "
    "of three; one rehearsal with one seed chose the weight, and other seeds may want another. Interpolation "
    "with its weight of 2 brought the ratio to 2 in the rehearsed hole and raised both errors. Later trials in the "
    "rehearsed hole (seed 10, 2,500 steps) asked that what is decoded from between two codes be encoded there again: "
    "through decoder and encoder the codes folded (error .28 in the hole), through the encoder alone the error was "
    ".0062 and through the decoder alone .0060, against .0054 without; asking such outputs to be as crisp as data "
    "gave .0070. They are crisp anyway: what is wrong in the hole is the radius, by up to one pixel, and, once the "
    "radius is asked for, the shape. The mean of few seeds is no interval."
)
