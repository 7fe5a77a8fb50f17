"""The data and the networks that every contender trains: equal for all, numpy and torch only."""

from __future__ import annotations

import gzip
import os
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import nn

HERE = Path(__file__).resolve().parent
CACHE = HERE / ".cache"
TABLE_SEED = 20240
TABLE_ROWS, TABLE_TEST_ROWS, TABLE_COLUMNS, TABLE_LATENT = 200_000, 20_000, 30, 8


class MissingDataError(Exception):
    """The data of a task are not on this machine."""


@dataclass(frozen=True)
class Task:
    """One network on one data set.

    widths : input, hidden layers and code; the decoder mirrors them, ReLU between layers, a linear code.
    output : ``linear`` or ``sigmoid``.
    """

    name: str
    data: str
    widths: tuple[int, ...]
    output: str
    split: str

    @property
    def shape(self) -> str:
        """The layers as they are written in papers."""
        return "-".join(map(str, [*self.widths, *self.widths[-2::-1]]))


MNIST_SPLIT = "MNIST, pixels / 255: 60,000 training images, errors on the 10,000 test images"
TABLE_SPLIT = (
    f"synthetic table, seed {TABLE_SEED}: {TABLE_LATENT} normal factors mixed linearly and through tanh into "
    f"{TABLE_COLUMNS} columns, noise 0.1, unit variance; {TABLE_ROWS:,} training rows, "
    f"errors on {TABLE_TEST_ROWS:,} others"
)
TASKS = {
    task.name: task
    for task in (
        Task("mnist", "mnist", (784, 512, 256, 25), "linear", MNIST_SPLIT),
        Task("table", "table", (30, 64, 32, 8), "linear", TABLE_SPLIT),
        Task("deep", "mnist", (784, 1000, 500, 250, 30), "sigmoid", MNIST_SPLIT),
    )
}


def load(task: Task, *, rows: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Training and test rows, float32 and contiguous; ``rows`` takes the first so many of the training rows."""
    prepare(task)
    train, test = (np.load(CACHE / f"{task.data}-{part}.npy") for part in ("train", "test"))
    return (train if rows is None else np.ascontiguousarray(train[:rows])), test


def prepare(task: Task) -> None:
    """Write the task's arrays into the cache, once, so that a measured process only reads them."""
    if all((CACHE / f"{task.data}-{part}.npy").exists() for part in ("train", "test")):
        return
    CACHE.mkdir(exist_ok=True)
    train, test = _mnist() if task.data == "mnist" else table()
    for part, values in (("train", train), ("test", test)):
        aside = CACHE / f"{task.data}-{part}-{os.getpid()}.npy"
        np.save(aside, values)
        aside.replace(CACHE / f"{task.data}-{part}.npy")


def table(
    rows: int = TABLE_ROWS, test_rows: int = TABLE_TEST_ROWS, *, seed: int = TABLE_SEED
) -> tuple[np.ndarray, np.ndarray]:
    """A table whose columns depend on few factors, partly in a bent way."""
    generator = np.random.default_rng(seed)
    linear, bent = generator.normal(size=(2, TABLE_LATENT, TABLE_COLUMNS)) / np.sqrt(TABLE_LATENT)
    factors = generator.normal(size=(rows + test_rows, TABLE_LATENT))
    values = factors @ linear + 2 * np.tanh(factors @ bent * 2)
    values += 0.1 * generator.normal(size=values.shape)
    values /= values[:rows].std(axis=0)
    values = values.astype(np.float32)
    return values[:rows], values[rows:]


def _mnist() -> tuple[np.ndarray, np.ndarray]:
    folder = Path(os.environ.get("ISTHMUS_DATA", HERE.parent.parent / "shared" / "data")) / "mnist"
    return tuple(_images(folder / f"{part}-images-idx3-ubyte.gz") for part in ("train", "t10k"))  # type: ignore[return-value]


def _images(path: Path) -> np.ndarray:
    if not path.exists():
        raise MissingDataError(
            f"{path} is not there: put the four MNIST files into the folder mnist/ of ISTHMUS_DATA."
        )
    with gzip.open(path) as stream:
        header = np.frombuffer(stream.read(16), ">i4")
        pixels = np.frombuffer(stream.read(), np.uint8)
    return pixels.reshape(header[1], -1).astype(np.float32) / np.float32(255)


def network(task: Task) -> tuple[nn.Sequential, nn.Sequential]:
    """Encoder and decoder with PyTorch's own initial weights."""
    from torch import nn

    def chain(widths: tuple[int, ...], last: nn.Module | None) -> nn.Sequential:
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            layers += [nn.Linear(inputs, outputs), nn.ReLU()]
        layers[-1:] = [] if last is None else [last]
        return nn.Sequential(*layers)

    return chain(task.widths, None), chain(
        task.widths[::-1], nn.Sigmoid() if task.output == "sigmoid" else None
    )
