"""Saved models, loaded in a process that knows nothing but the folder."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from isthmus import spec
from isthmus.estimator import Autoencoder
from isthmus.testing.examples import CLASSES, EVENTS, around, rows, setups
from isthmus.testing.failure import ConformanceError, require, require_same_bits
from isthmus.training.training import Training

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SCRIPT = """
import sys
import numpy as np
import torch
from isthmus.loading import load
threads, allow, *folders = sys.argv[1:]
torch.set_num_threads(int(threads))
for folder in folders:
    model = load(folder, allow=tuple(name for name in allow.split(",") if name))
    X = np.load(folder + ".npy")
    np.savez(folder + ".npz", transform=model.transform(X), reconstruct=model.reconstruct(X),
             score_samples=model.score_samples(X), sample=model.sample(3, random_state=0))
"""


def estimator_around(part: spec.Spec) -> tuple[Autoencoder, NDArray[np.float32]]:
    """An autoencoder with the part in it, and data that it takes; neither is fitted."""
    if isinstance(part, Training):
        small = spec.clone(part).set_params(max_epochs=2, batch_size=16, threads=1, device="cpu")
        return Autoencoder(code=3, training=small, random_state=0), rows(EVENTS[0], 20).x.numpy()
    event = setups(part)[0].event
    x = rows(event, 20).x
    # Images are given as (n, h, w, c).
    X = x.permute(0, 2, 3, 1) if x.ndim == 4 else x
    training = Training(max_epochs=1, batch_size=8, threads=1, device="cpu")
    return Autoencoder(**vars(around(part)), training=training, random_state=0), np.ascontiguousarray(
        X.numpy()
    )


def labels_for(X: NDArray[Any]) -> NDArray[np.int64]:
    """A label a row, for parts that ask for some; parts that do not never see them."""
    return np.arange(len(X)) % CLASSES


def results(model: Autoencoder, X: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """What a model gives for X, by method."""
    return {
        "transform": model.transform(X),
        "reconstruct": model.reconstruct(X),
        "score_samples": model.score_samples(X),
        "sample": model.sample(3, random_state=0),
    }


def save_for_comparison(model: Autoencoder, X: NDArray[Any], folder: Path) -> dict[str, NDArray[Any]]:
    """Save a fitted model and its data where :func:`reload` finds them; returns :func:`results`."""
    model.save(folder)
    np.save(f"{folder}.npy", X)
    return results(model, X)


def reload(folders: Sequence[Path], *, allow: Sequence[str] = ()) -> dict[Path, dict[str, NDArray[Any]]]:
    """The results of saved models in one fresh process, by folder. Raises ConformanceError when loading fails."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    arguments = [str(torch.get_num_threads()), ",".join(allow), *map(str, folders)]
    done = subprocess.run(  # the interpreter that runs this, and a script of ours
        [sys.executable, "-c", _SCRIPT, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ConformanceError(
            f"a fresh process could not load the model: {done.stderr.strip().splitlines()[-1:]}"
        )
    return {folder: dict(np.load(f"{folder}.npz")) for folder in folders}


def require_equal_results(first: dict[str, NDArray[Any]], second: dict[str, NDArray[Any]]) -> None:
    """Raise ConformanceError unless two models gave the same bits."""
    require(set(first) == set(second), "both models must give the same results.")
    for name, value in first.items():
        require_same_bits(
            torch.as_tensor(value), torch.as_tensor(second[name]), f"{name} here and in a fresh process"
        )
