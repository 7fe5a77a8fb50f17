"""The choices of a training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from isthmus.spec import In, Spec
from isthmus.training.initial.initial import Initial
from isthmus.training.optimizers.optimizer import Optimizer
from isthmus.training.schedules.schedule import Schedule


@dataclass
class Training(Spec):
    """How long, how fast, by which rule and on what an autoencoder is trained.

    Parameters
    ----------
    max_epochs : passes over the data; 0 leaves the initial weights.
    batch_size : rows a step. The last batch of an epoch is smaller, never dropped.
    learning_rate : peak rate; None takes the optimiser's own.
    optimizer : ``adam``, ``sgd``, ``muon`` or an optimiser part.
    schedule : ``constant``, ``linear``, ``cosine`` or a schedule part; it spans ``max_epochs``.
    initial_weights : ``kaiming``, ``xavier``, ``orthogonal``, ``sparse``, ``lsuv``, ``pca``, ``transposed`` or
        ``as_built``; ``greedy`` or ``rbm``, which train layer by layer first; or an initial-weights part.
    gradient_clip : largest norm of the whole gradient; None never clips.
    averaging : in [0, 1), memory per step of an exponential mean of the weights, which then is the model
        (Polyak and Juditsky 1992); 0 keeps the last weights.
    validation_fraction : in [0, 1), share of the rows held out when no validation data are given.
    patience : epochs without a better validation loss before stopping; the best weights are restored.
        None trains to the end and keeps the last weights.
    shuffle : a new order each epoch; False keeps the data's.
    spill : where data are streamed for more than one epoch, copy them to disk once in model space, which needs no
        decoding to read again; the copy is gone with the training. Only where the disk has room for it twice.
    precision : ``float32``, ``bfloat16`` (autocast, weights stay float32), or ``auto``, which takes bfloat16
        where layers and batches are large enough for it to be faster.
    device : ``auto``, ``cpu``, ``cuda``, ``mps`` ...
    threads : CPU threads of the training; None shares the cores among the local processes, and takes one where
        layers and batches are too small to be divided.
    checkpoint : file to keep the state of the training in; None keeps none.
    checkpoint_seconds : time between two checkpoints.
    resume : continue from ``checkpoint`` where it exists, to the bits of an uninterrupted training.
    """

    family: ClassVar[str] = "training"

    max_epochs: Annotated[int, In("[0, inf)")] = 50
    batch_size: Annotated[int, In("[1, inf)")] = 256
    learning_rate: Annotated[float, In("(0, inf)")] | None = None
    optimizer: Optimizer | str = "adam"
    schedule: Schedule | str = "cosine"
    initial_weights: Initial | str = "kaiming"
    gradient_clip: Annotated[float, In("(0, inf)")] | None = None
    averaging: Annotated[float, In("[0, 1)")] = 0.0
    validation_fraction: Annotated[float, In("[0, 1)")] = 0.0
    patience: Annotated[int, In("[1, inf)")] | None = None
    shuffle: bool = True
    spill: bool = True
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    device: str = "auto"
    threads: Annotated[int, In("[1, inf)")] | None = None
    checkpoint: str | None = None
    checkpoint_seconds: Annotated[float, In("[0, inf)")] = 30.0
    resume: bool = False

    def conflicts(self) -> Iterator[str]:
        if self.resume and self.checkpoint is None:
            yield "resume of Training needs a checkpoint to continue from: set checkpoint to its file."
