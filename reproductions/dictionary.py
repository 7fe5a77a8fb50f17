"""An over-complete top-k dictionary of digits without dead units, beside plain ones and L1 of the same sparsity."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from benchmarks.tables import markdown

from isthmus.architectures import Dense
from isthmus.codes import Deterministic, TopK
from isthmus.composition import Composition, Parts
from isthmus.losses import SquaredError
from isthmus.metrics.dead_units import UnitActivity, unit_activity
from isthmus.penalties import L1, AuxiliaryK
from isthmus.training import Training
from isthmus.training.initial import Transposed
from isthmus.types import Batch
from reproductions.mnist import Data
from reproductions.networks import said, squared_error, trained

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Eight units a pixel.
WORDS, ACTIVE, PASSES, BATCH = 8 * 784, 32, 10, 1024


def _dictionaries(
    train_data: Data, test_data: Data, budget: Budget, seed: int, threads: int
) -> dict[str, dict[str, float]]:
    """Dead units over the training images and errors on the test images, of three dictionaries of one size and L0."""
    active = budget.active
    kinds: dict[str, tuple[Parts, Transposed | str]] = {
        "top-k, remedies": (
            Parts(Dense(()), TopK(budget.words, active), SquaredError(), None, (AuxiliaryK(),)),
            Transposed(),
        ),
        "top-k, plain": (Parts(Dense(()), TopK(budget.words, active), SquaredError()), "kaiming"),
        "L1, plain": (
            Parts(
                Dense(()),
                Deterministic(budget.words, activation="relu"),
                SquaredError(),
                None,
                (L1(1e-2, l0=float(active), scaled=True),),
            ),
            "kaiming",
        ),
    }
    results = {}
    for name, (parts, initial) in kinds.items():
        plan = Training(max_epochs=budget.passes, batch_size=1024, initial_weights=initial, threads=threads)
        network, seconds = trained(parts, train_data.X, plan, seed)
        seen, unseen = (_activity(network, data.X) for data in (train_data, test_data))
        results[name] = {
            "dead": 100 * seen.dead,
            "l0": seen.l0,
            "test_l0": unseen.l0,
            "squared_error": squared_error(network, test_data.X),
            "seconds": seconds,
        }
        said(f"{name}: {results[name]}")
    return results


def _activity(network: Composition, X: NDArray[np.float32]) -> UnitActivity:
    return unit_activity(network, (Batch(x) for x in torch.from_numpy(X).split(5_000)))


def _dictionary_table(
    dictionaries: dict[str, dict[str, float]], predicted: dict[str, float], plain: dict[str, float]
) -> str:
    rows = [
        [
            name,
            f"{one['dead']:.2f}",
            f"{one['l0']:.1f}",
            f"{one['test_l0']:.1f}",
            f"{one['squared_error']:.2f}",
            f"{one['seconds']:.0f}",
        ]
        for name, one in dictionaries.items()
    ]
    columns = ["", "dead units in %", "L0, training", "L0, test", "test squared error", "s of training"]
    told = ", ".join(f"{100 * share:.1f} % for data {kind}" for kind, share in predicted.items())
    return (
        f"{markdown(columns, rows)}\n\nPredicted for random directions before training (top-k): {told}. "
        f"The plain top-k dictionary ends with {plain['dead']:.1f} %."
    )
