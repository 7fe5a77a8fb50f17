"""Rifai et al. (2011): contraction beside weight decay and denoising, one layer of 1000 sigmoid units on MNIST."""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

import torch
from benchmarks.tables import markdown
from torch import Tensor
from torch.nn import functional as F

from isthmus import Autoencoder
from isthmus.architectures import Dense
from isthmus.codes import Deterministic
from isthmus.corruptions import GaussianNoise, Masking
from isthmus.nn.tangents import linearized
from isthmus.penalties import Contractive, ContractiveHessian, WeightDecay
from isthmus.training import Training
from reproductions.mnist import Data, mnist
from reproductions.protocol import Claim, Reproduction

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

UNITS = 1000
TRAIN, VALIDATION = 10_000, 2_000
#: Weights of the classifier's squared coefficients, beside its mean loss.
RIDGES = (1e-4, 3e-4, 1e-3)
FINE_TUNING_EPOCHS = 10

ANCHOR = """Test error in % after fine-tuning, and mean norm of the Jacobian times 10^-4, on MNIST (table 1 of the
ICML paper, from memory): CAE 1.14 and 0.73, DAE-g 1.18 and 0.86, RBM-binary 1.30 and 2.50, DAE-b 1.57 and 7.87,
AE + weight decay 1.68 and 5.00, AE 1.78 and 17.5. CAE+H (ECML paper): 1.2. AE / CAE is 24.
We read these sizes as mean squares of the 784,000 entries of the Jacobian, since norms that small would be of codes
that hardly move; then 24 is a ratio of squares, and that of norms is 4.9."""


@dataclass(frozen=True)
class Kind:
    """One kind of autoencoder and the strengths that are tried."""

    name: str
    grid: tuple[float, ...]
    parts: Callable[[float], dict[str, Any]]


KINDS = (
    Kind("AE", (0.0,), lambda strength: {}),
    Kind("AE + weight decay", (1e-3, 3e-3, 1e-2), lambda weight: {"penalties": (WeightDecay(weight),)}),
    Kind("DAE-b", (0.1, 0.25, 0.5), lambda rate: {"corruption": Masking(rate)}),
    Kind("DAE-g", (0.3, 0.5, 0.7), lambda std: {"corruption": GaussianNoise(std)}),
    Kind("CAE", (0.3, 1.0, 3.0), lambda weight: {"penalties": (Contractive(weight),)}),
    Kind("CAE+H", (0.3, 1.0), lambda weight: {"penalties": (ContractiveHessian(weight, std=0.1),)}),
)


def run(wish: Namespace) -> Reproduction:
    """Choose strengths on held-out training images, then train each kind once a seed and judge on the test images."""
    torch.set_num_threads(wish.threads)
    train, test = (mnist(part) for part in ("train", "t10k"))
    train = train.cut(0, 1200 if wish.quick else TRAIN)
    held = len(train.y) // 5 if wish.quick else VALIDATION
    epochs = 2 if wish.quick else 20
    seeds = wish.seeds[:1] if wish.quick else wish.seeds
    if wish.quick:
        test = test.cut(0, 1000)
    fitted, held_out = train.cut(0, len(train.y) - held), train.cut(len(train.y) - held, len(train.y))
    chosen, tried = {}, []
    for kind in KINDS:
        grid = kind.grid[:2] if wish.quick else kind.grid
        found = [_tried(kind, strength, fitted, held_out, epochs) for strength in grid]
        tried += found
        chosen[kind.name] = min(found, key=lambda one: one["error"])
    results = [
        _measured(kind, chosen[kind.name], train, test, epochs, seed) for kind in KINDS for seed in seeds
    ]
    pixels = _on_pixels(fitted, held_out, train, test)
    return _reproduction(results, chosen, tried, pixels, wish, epochs, seeds)


def _trained(kind: Kind, strength: float, data: Data, epochs: int, seed: int) -> Autoencoder:
    """Tied sigmoid units, cross-entropy, Adam: the same for all kinds."""
    model = Autoencoder(
        Dense(hidden=(), tied=True),
        code=Deterministic(UNITS, activation="sigmoid"),
        loss="bce",
        training=Training(
            max_epochs=epochs,
            batch_size=100,
            learning_rate=5e-3,
            initial_weights="xavier",
            precision="float32",
            threads=torch.get_num_threads(),
            device="cpu",
        ),
        random_state=seed,
        **kind.parts(strength),
    )
    started = time.perf_counter()
    model.fit(data.X)
    sys.stderr.write(f"  {kind.name} {strength:g}, seed {seed}: {time.perf_counter() - started:.0f} s\n")
    return model


def _tried(kind: Kind, strength: float, fitted: Data, held_out: Data, epochs: int) -> dict[str, Any]:
    """The best classifier's error on held-out images, for one strength."""
    model = _trained(kind, strength, fitted, epochs, seed=0)
    codes, held = (model.transform(data.X) for data in (fitted, held_out))
    ridge, error = _best_ridge(codes, fitted.y, held, held_out.y)
    return {"kind": kind.name, "strength": strength, "ridge": ridge, "error": error}


def _best_ridge(
    X: NDArray[np.float32], y: NDArray[np.int64], X_held: NDArray[np.float32], y_held: NDArray[np.int64]
) -> tuple[float, float]:
    errors = {ridge: Softmax(X, y, ridge).error(X_held, y_held) for ridge in RIDGES}
    ridge = min(errors, key=lambda one: errors[one])
    return ridge, errors[ridge]


def _measured(
    kind: Kind, choice: dict[str, Any], train: Data, test: Data, epochs: int, seed: int
) -> dict[str, Any]:
    """Norm of the Jacobian and errors on the test images, trained on all training images."""
    model = _trained(kind, choice["strength"], train, epochs, seed)
    classifier = Softmax(model.transform(train.X), train.y, choice["ridge"])
    norms = jacobian_norms(model, test.X)
    codes = model.transform(test.X)
    return {
        "kind": kind.name,
        "seed": seed,
        "norm": float(norms.mean()),
        "squared_norm": float(norms.square().mean()),
        "saturated": float(((codes < 0.05) | (codes > 0.95)).mean()),
        "error": classifier.error(codes, test.y),
        "fine_tuned": _fine_tuned(model, train, test, seed),
        "nats": -float(model.score(test.X)),
    }


def jacobian_norms(model: Autoencoder, X: NDArray[np.float32]) -> Tensor:
    """(n,) the Frobenius norm of the code's derivative by the input, per unit of code and pixel in [0, 1]."""
    found = []
    for x in torch.from_numpy(X).split(1000):
        factors = linearized(model.network_, x).factors()
        if factors is not None:
            slopes, weight = (factor.detach() for factor in factors)
            found.append((slopes.square() @ weight.square().sum(1)).sqrt())
    return torch.cat(found)


class Softmax:
    """Logistic regression on standardised features, to its optimum by L-BFGS."""

    def __init__(self, X: NDArray[np.float32], y: NDArray[np.int64], ridge: float) -> None:
        x = torch.from_numpy(X)
        self.mean, self.scale = x.mean(0), x.std(0).clamp(min=1e-3)
        x, labels = (x - self.mean) / self.scale, torch.from_numpy(y)
        self.weight = torch.zeros(10, x.shape[1], requires_grad=True)
        self.bias = torch.zeros(10, requires_grad=True)
        optimizer = torch.optim.LBFGS(
            [self.weight, self.bias], max_iter=150, history_size=10, line_search_fn="strong_wolfe"
        )

        def closure() -> Tensor:
            optimizer.zero_grad()
            loss = F.cross_entropy(x @ self.weight.t() + self.bias, labels)
            loss = loss + 0.5 * ridge * self.weight.square().sum()
            loss.backward()
            return loss

        optimizer.step(closure)

    def error(self, X: NDArray[np.float32], y: NDArray[np.int64]) -> float:
        """Share of wrong answers in %."""
        x = (torch.from_numpy(X) - self.mean) / self.scale
        with torch.no_grad():
            answers = (x @ self.weight.t() + self.bias).argmax(1)
        return 100 * float((answers != torch.from_numpy(y)).double().mean())


def _fine_tuned(model: Autoencoder, train: Data, test: Data, seed: int) -> float:
    """Test error in % of encoder and a softmax layer trained together, a fixed number of epochs for all."""
    layer = model.network_.encoder.blocks[0]
    generator = torch.Generator().manual_seed(seed)
    top = torch.nn.Linear(UNITS, 10)
    with torch.no_grad():
        top.weight.zero_()
        top.bias.zero_()
    optimizer = torch.optim.Adam([*layer.parameters(), *top.parameters()], lr=1e-3, fused=True)
    x, y = torch.from_numpy(train.X), torch.from_numpy(train.y)
    steps = FINE_TUNING_EPOCHS * -(-len(x) // 100)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(FINE_TUNING_EPOCHS):
        for rows in torch.randperm(len(x), generator=generator).split(100):
            loss = F.cross_entropy(top(torch.sigmoid(layer(x[rows]))), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    with torch.no_grad():
        answers = top(torch.sigmoid(layer(torch.from_numpy(test.X)))).argmax(1)
    return 100 * float((answers != torch.from_numpy(test.y)).double().mean())


def _on_pixels(fitted: Data, held_out: Data, train: Data, test: Data) -> float:
    """Test error in % of the same classifier on the images themselves."""
    ridge, _ = _best_ridge(fitted.X, fitted.y, held_out.X, held_out.y)
    return Softmax(train.X, train.y, ridge).error(test.X, test.y)


def _reproduction(
    results: list[dict[str, Any]],
    chosen: dict[str, Any],
    tried: list[dict[str, Any]],
    pixels: float,
    wish: Namespace,
    epochs: int,
    seeds: tuple[int, ...],
) -> Reproduction:
    names = [kind.name for kind in KINDS]
    of = {name: [one for one in results if one["kind"] == name] for name in names}
    norm = {name: mean(one["norm"] for one in of[name]) for name in names}
    squared = {name: mean(one["squared_norm"] for one in of[name]) for name in names}
    error = {name: mean(one["error"] for one in of[name]) for name in names}
    rows = [
        [
            name,
            f"{chosen[name]['strength']:g}" if name != "AE" else "",
            _spread([one["norm"] for one in of[name]], 3),
            f"{norm['AE'] / norm[name]:.1f}",
            _spread([1e4 * one["squared_norm"] / (784 * UNITS) for one in of[name]], 2),
            f"{squared['AE'] / squared[name]:.1f}",
            _spread([100 * one["saturated"] for one in of[name]], 1),
            _spread([one["error"] for one in of[name]], 2),
            _spread([one["fine_tuned"] for one in of[name]], 2),
            _spread([one["nats"] for one in of[name]], 1),
        ]
        for name in names
    ]
    columns = [
        "",
        "strength",
        "mean norm",
        "AE / this",
        "mean squared entry, 1e-4",
        "AE / this",
        "saturated, %",
        "error on codes, %",
        "error fine-tuned, %",
        "test nats",
    ]
    grid = [
        [one["kind"], f"{one['strength']:g}", f"{one['ridge']:g}", f"{one['error']:.2f}"] for one in tried
    ]
    sections = [
        ("Measured", markdown(columns, rows) + f"\n\nThe same classifier on the pixels: {pixels:.2f} %."),
        (
            "How strengths were chosen",
            markdown(["", "strength", "classifier's ridge", "error on held-out training images, %"], grid),
        ),
    ]
    order = [norm[name] for name in ("CAE", "DAE-g", "AE + weight decay", "AE")]
    claims = [
        Claim(
            "mean norm: CAE < DAE-g < AE + weight decay < AE",
            order == sorted(order) and len(set(order)) == 4,
            ", ".join(f"{value:.3f}" for value in order),
        ),
        Claim(
            "mean squared norm: AE / CAE at least 10",
            squared["AE"] >= 10 * squared["CAE"],
            f"{squared['AE'] / squared['CAE']:.1f}",
        ),
        Claim(
            "mean norm: AE / CAE at least 10",
            norm["AE"] >= 10 * norm["CAE"],
            f"{norm['AE'] / norm['CAE']:.1f}",
        ),
        Claim(
            "error on codes: CAE < AE", error["CAE"] < error["AE"], f"{error['CAE']:.2f}, {error['AE']:.2f}"
        ),
        *(
            Claim(
                f"error on codes: {name} < AE",
                error[name] < error["AE"],
                f"{error[name]:.2f}, {error['AE']:.2f}",
            )
            for name in ("DAE-g", "DAE-b")
        ),
    ]
    gap = (
        "10,000 training images in place of 50,000, a fixed small budget for all, Adam, and a linear classifier on the "
        "codes as the first measure; fine-tuning is short and its schedule was not tuned. Norms are of the derivative "
        "of sigmoid units by pixels in [0, 1]. The learning rate (of 1e-3 and 5e-3) and the ranges of the grids were "
        "found beforehand on the same held-out training images, with seed 0; the test images were not looked at."
    )
    setting = {
        "data": f"MNIST, pixels / 255: the first {TRAIN:,} training images; errors, norms and nats on the 10,000 test "
        "images",
        "network": f"784-{UNITS}-784, sigmoid units, tied matrices, cross-entropy",
        "budget": f"{epochs} epochs of batches of 100, Adam 5e-3 with cosine decay, for every kind; "
        f"{FINE_TUNING_EPOCHS} epochs of fine-tuning",
        "choice": f"strength and classifier's ridge by the error on the last {VALIDATION:,} of the training images, "
        "trained on the others with seed 0; then trained anew on all",
        "quick": wish.quick,
        "seeds": ", ".join(map(str, seeds)),
        "threads": wish.threads,
    }
    raw = {"results": results, "tried": tried, "pixels": pixels}
    return Reproduction(
        "The contractive autoencoder beside its rivals", ANCHOR, sections, claims, gap, setting, raw
    )


def _spread(values: list[float], digits: int) -> str:
    """Mean and standard deviation over seeds."""
    spread = f" ± {stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{mean(values):.{digits}f}{spread}"
