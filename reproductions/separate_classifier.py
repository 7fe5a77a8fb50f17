"""Retrieval by class and by a hidden attribute: SAE, CAE and SCA, and SCA without its redundancy."""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from typing import Any

import numpy as np
from benchmarks.tables import markdown
from scipy.ndimage import affine_transform
from scipy.stats import t as student

from isthmus import Autoencoder, recipes
from isthmus.metrics.redundancy import hsic, mean_canonical_correlation
from reproductions.mnist import mnist
from reproductions.protocol import Claim, Reproduction

Array = np.ndarray

#: Degrees on either side by which images are turned; two random images of a class then differ by 40 on average.
LARGEST_TURN = 60.0
CODE_SIZE, CLASSIFIER_SIZE, HIDDEN, EPOCHS, BATCH = 32, 10, (512, 256), 30, 256
NEAREST = 10
WEIGHTS = {
    "siamese": (10.0, 100.0, 1000.0),
    "classifying": (10.0, 100.0, 1000.0),
    "redundancy": (0.1, 0.3, 1.0),
}
MEASURES = ("graded", "angle", "class")


def run(wish: Namespace) -> Reproduction:
    """Choose weights on validation images, then train everything with every seed and retrieve test images."""
    rows = (600, 300, 300) if wish.quick else (10_000, 2_000, 3_000)
    data = _turned(rows)
    chosen, tried = _choose(data, wish)
    found: dict[str, list[dict[str, float]]] = {}
    for seed in wish.seeds:
        for name, numbers in _compared(data, chosen, seed, wish).items():
            found.setdefault(name, []).append(numbers)
    plain, freed = found["SCA"], found["SCA with Redundancy"]
    return Reproduction(
        title="Separate classifier-autoencoder without its redundancy",
        anchor="Portenier et al. (2018), Fine-grained retrieval with autoencoders: the separate classifier-autoencoder "
        "(SCA) generally ahead of the siamese (SAE) and the classifying one (CAE), all three ahead of features of "
        "pure classification (abstract). No numbers are compared: theirs are of other data and other networks.",
        sections=[
            ("Retrieval", _retrieval_table(found)),
            ("Redundancy between the parts of SCA", _redundancy_table(found)),
            ("Weights chosen on validation images, with the first seed", _choice_table(tried, chosen)),
        ],
        claims=_claims(found, plain, freed),
        gap="The classifier's part is the pure classification: its encoder receives no gradient from the decoder. The "
        "networks are fully connected, the attribute is a rotation made by us, which no label tells; the paper's "
        "own protocol was not available beyond its abstract. Weights of all contenders were chosen by the graded "
        "precision of validation images, among the weights of the last table. On validation images of one seed "
        "and a smaller training set, 16 units for the classifier and the measures cca, cross-correlation and hsic "
        "were tried before: there cca, which halved the redundancy, and hsic, which did not, made neighbors "
        "within a class worse; with 10 units cross-covariance halved it and did not.",
        setting={
            "data": f"MNIST turned by uniform angles of at most {LARGEST_TURN:g} degrees, pixels / 255",
            "split": f"{rows[0]:,} training and {rows[1]:,} validation images of the training file, {rows[2]:,} test "
            f"images of the test file, each in turn the query and the others the gallery",
            "network": f"784-{'-'.join(map(str, HIDDEN))}-{CODE_SIZE}; of SCA two such encoders, {CLASSIFIER_SIZE} "
            "units of the code from the classifier's",
            "redundancy penalty": "cross-covariance (Cheung et al. 2014); measured by canonical correlations",
            "budget": f"{_epochs(wish)} epochs, batch {BATCH}, Adam, cosine schedule",
            "seeds": ", ".join(map(str, wish.seeds)),
            "intervals": "95 %, Student's t over seeds",
            "threads": wish.threads,
        },
        raw={"chosen": chosen, "tried": tried, "found": found},
    )


# ---------------------------------------------------------------- data


def _turned(rows: tuple[int, int, int]) -> dict[str, tuple[Array, Array, Array]]:
    """Images (n, 784) in [0, 1], classes (n,) and angles (n,) of each split."""
    train_images, test_images = mnist("train"), mnist("t10k")
    generator = np.random.default_rng(20180)
    order = generator.permutation(len(train_images.X))
    train, validation = order[: rows[0]], order[rows[0] : rows[0] + rows[1]]
    test = generator.permutation(len(test_images.X))[: rows[2]]
    picked = {
        "train": (train_images, train),
        "validation": (train_images, validation),
        "test": (test_images, test),
    }
    splits = {}
    for name, (source, index) in picked.items():
        angles = generator.uniform(-LARGEST_TURN, LARGEST_TURN, len(index))
        splits[name] = (_turn(source.X[index].reshape(-1, 28, 28), angles), source.y[index], angles)
    return splits


def _turn(images: Array, angles: Array) -> Array:
    """Images turned about their center, by linear interpolation."""
    center = (images.shape[1] - 1) / 2
    turned = np.empty((len(images), images[0].size), dtype=np.float32)
    for place, (image, angle) in enumerate(zip(images, np.deg2rad(angles), strict=True)):
        rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        offset = center - rotation @ np.array([center, center])
        turned[place] = affine_transform(image, rotation, offset, order=1).ravel()
    return turned


# ---------------------------------------------------------------- models


def _model(name: str, weight: float, seed: int) -> Autoencoder:
    common: dict[str, Any] = {"code_size": CODE_SIZE, "hidden": HIDDEN, "loss": "mse", "random_state": seed}
    if name == "dense":
        return recipes.dense(**common)
    if name in ("separate_classifier", "redundancy"):
        redundancy = weight if name == "redundancy" else 0.0
        return recipes.separate_classifier(**common, classifier_size=CLASSIFIER_SIZE, redundancy=redundancy)
    return recipes.get(name)(**common, weight=weight)


def _fitted(name: str, weight: float, seed: int, data: Any, wish: Namespace) -> Autoencoder:
    model = _model(name, weight, seed).set_params(
        training__max_epochs=_epochs(wish), training__batch_size=BATCH, training__threads=wish.threads
    )
    started = time.perf_counter()
    model.fit(*data["train"][:2])
    sys.stderr.write(f"  {name} weight {weight:g} seed {seed}: {time.perf_counter() - started:.0f} s\n")
    return model


def _epochs(wish: Namespace) -> int:
    return 3 if wish.quick else EPOCHS


def _halves(model: Autoencoder, data: Any, split: str) -> dict[str, Array]:
    """Codes of a split and, of an SCA, its parts; in the whole code both parts have mean square 1."""
    codes = {part: model.transform(data[part][0]) for part in ("train", split)}
    if not hasattr(model.network_.encoder, "sizes"):
        return {"": codes[split]}
    cut = model.network_.encoder.sizes[0]
    scales = [np.sqrt((half**2).sum(1).mean()) for half in np.split(codes["train"], [cut], axis=1)]
    first, second = (
        half / scale for half, scale in zip(np.split(codes[split], [cut], axis=1), scales, strict=True)
    )
    return {"": np.hstack([first, second]), ", classifier's part": first, ", autoencoder's part": second}


def _dependence(model: Autoencoder, data: Any, split: str) -> dict[str, float]:
    """Redundancy between the parts of an SCA: directions from training rows, correlations on held-out ones."""
    cut = model.network_.encoder.sizes[0]
    train, held_out = (
        tuple(np.split(model.transform(data[part][0]), [cut], axis=1)) for part in ("train", split)
    )
    some = [half[:1000] for half in held_out]
    return {"cca": mean_canonical_correlation(*train, held_out=held_out), "hsic": hsic(*some)}


def _retrieved(codes: Array, classes: Array, angles: Array) -> dict[str, float]:
    """Means over all queries of what their nearest rows are.

    class : share of the 10 nearest that are of the query's class. angle : degrees between the query and the 10 nearest
    of its class. graded : of the 10 nearest, 1 - difference of angles / 120 for rows of the class, 0 for others.
    """
    squares = (codes.astype(np.float64) ** 2).sum(1)
    apart = squares[:, None] + squares[None] - 2 * codes.astype(np.float64) @ codes.T.astype(np.float64)
    np.fill_diagonal(apart, np.inf)
    same = classes[:, None] == classes[None]
    differences = np.abs(angles[:, None] - angles[None])
    nearest = np.argpartition(apart, NEAREST, axis=1)[:, :NEAREST]
    within = np.argpartition(np.where(same, apart, np.inf), NEAREST, axis=1)[:, :NEAREST]
    hits = np.take_along_axis(same, nearest, 1)
    grades = hits * (1 - np.take_along_axis(differences, nearest, 1) / (2 * LARGEST_TURN))
    return {
        "class": float(hits.mean()),
        "angle": float(np.take_along_axis(differences, within, 1).mean()),
        "graded": float(grades.mean()),
    }


# ---------------------------------------------------------------- measurements


def _choose(data: Any, wish: Namespace) -> tuple[dict[str, float], dict[str, list[dict[str, float]]]]:
    """The weight of each contender with the best graded precision on validation images.

    Of the redundancy's weights only those count that halve the redundancy, or the largest where none does.
    """
    seed = wish.seeds[0]
    sys.stderr.write("choosing weights on validation images\n")
    plain = _dependence(_fitted("separate_classifier", 1.0, seed, data, wish), data, "validation")["cca"]
    tried: dict[str, list[dict[str, float]]] = {}
    for name, weights in WEIGHTS.items():
        for weight in weights[:1] if wish.quick else weights:
            model = _fitted(name, weight, seed, data, wish)
            numbers = _retrieved(_halves(model, data, "validation")[""], *data["validation"][1:])
            if name == "redundancy":
                numbers |= _dependence(model, data, "validation")
            tried.setdefault(name, []).append({"weight": weight} | numbers)
    chosen = {}
    for name, runs in tried.items():
        allowed = [one for one in runs if one.get("cca", 0.0) <= 0.5 * plain] or runs[-1:]
        chosen[name] = max(allowed, key=lambda one: one["graded"])["weight"]
    return chosen, tried


def _compared(data: Any, chosen: dict[str, float], seed: int, wish: Namespace) -> dict[str, dict[str, float]]:
    """Every contender with one seed, on test images."""
    sys.stderr.write(f"seed {seed}\n")
    contenders = {
        "plain autoencoder": ("dense", 0.0),
        "SAE": ("siamese", chosen["siamese"]),
        "CAE": ("classifying", chosen["classifying"]),
        "SCA": ("separate_classifier", 1.0),
        "SCA with Redundancy": ("redundancy", chosen["redundancy"]),
    }
    found = {}
    for name, (recipe, weight) in contenders.items():
        model = _fitted(recipe, weight, seed, data, wish)
        more = {"mse": model.evaluate(data["test"][0])["mse"]}
        if name.startswith("SCA"):
            more |= _dependence(model, data, "test")
        for part, codes in _halves(model, data, "test").items():
            found[name + part] = _retrieved(codes, *data["test"][1:]) | (more if not part else {})
    return found


def _claims(
    found: dict[str, Any], plain: list[dict[str, float]], freed: list[dict[str, float]]
) -> list[Claim]:
    ratio = _mean(freed, "cca") / _mean(plain, "cca")
    claims = [
        Claim(
            "the mean canonical correlation between the parts is at least halved",
            ratio <= 0.5,
            f"{_shown(plain, 'cca')} to {_shown(freed, 'cca')}",
        )
    ]
    for part, measure, sign in (
        ("", "graded", -1.0),
        ("", "angle", 1.0),
        (", autoencoder's part", "angle", 1.0),
    ):
        pair = found["SCA" + part], found["SCA with Redundancy" + part]
        worse = [sign * (after[measure] - before[measure]) for before, after in zip(*pair, strict=True)]
        claims.append(
            Claim(
                f"retrieval is not worse: {measure}{part or ', whole code'} (at most 2 % worse)",
                float(np.mean(worse)) <= 0.02 * _mean(pair[0], measure),
                f"{_shown(pair[0], measure)} to {_shown(pair[1], measure)}; worse by {_interval(worse)}",
            )
        )
    best = max((name for name in found if "part" not in name), key=lambda name: _mean(found[name], "graded"))
    claims.append(
        Claim(
            "SCA is ahead of SAE, CAE and pure classification in graded precision",
            all(
                _mean(found["SCA"], "graded") > _mean(found[name], "graded")
                for name in ("SAE", "CAE", "SCA, classifier's part")
            ),
            f"best of all: {best}",
        )
    )
    return claims


# ---------------------------------------------------------------- tables


def _mean(runs: list[dict[str, float]], measure: str) -> float:
    return float(np.mean([run[measure] for run in runs]))


def _interval(values: list[float]) -> str:
    """Mean and half width of the 95 % interval."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return f"{mean:.3g}"
    half = student.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    return f"{mean:.3g} ± {half:.2g}"


def _shown(runs: list[dict[str, float]], measure: str) -> str:
    return _interval([run[measure] for run in runs])


def _retrieval_table(found: dict[str, list[dict[str, float]]]) -> str:
    columns = ["code", "graded precision@10", "angle@10 within the class, degrees", "class precision@10"]
    rows = [[name, *(_shown(runs, measure) for measure in MEASURES)] for name, runs in found.items()]
    chance = (
        "Rows at random: 0.067, 40, 0.1. The classifier's part of SCA is pure classification. Where either part is "
        "removed stands as the other part; the autoencoder's part is meant to lose the class, so of its columns the "
        "angle within the class is what counts."
    )
    return f"{markdown(columns, rows)}\n\n{chance}"


def _redundancy_table(found: dict[str, list[dict[str, float]]]) -> str:
    columns = ["model", "mean canonical correlation", "HSIC", "mse of test images"]
    rows = [
        [name, _shown(found[name], "cca"), _shown(found[name], "hsic"), _shown(found[name], "mse")]
        for name in ("SCA", "SCA with Redundancy")
    ]
    return markdown(columns, rows)


def _choice_table(tried: dict[str, list[dict[str, float]]], chosen: dict[str, float]) -> str:
    rows = [
        [
            name,
            f"{one['weight']:g}{' (chosen)' if one['weight'] == chosen[name] else ''}",
            f"{one['graded']:.3f}",
            f"{one['cca']:.3f}" if "cca" in one else "",
        ]
        for name, runs in tried.items()
        for one in runs
    ]
    return markdown(["weight of", "weight", "graded precision@10", "mean canonical correlation"], rows)
