"""Copies of a patient's network: as it is, trained a little further, or as it was before its first step."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from isthmus.assembly import built
from isthmus.codes.gaussian import Gaussian
from isthmus.composition import Composition, Parts, by_blocks
from isthmus.corruptions.levelled import LevelledCorruption
from isthmus.doctor.rows import Rows
from isthmus.objective import Objective, total
from isthmus.training.feeding import MemoryFeed
from isthmus.training.initial.from_model import FromModel
from isthmus.training.initial.kaiming import Kaiming
from isthmus.training.initial.pretraining import Pretraining
from isthmus.training.loop import INITIAL_ROWS, resolved, train
from isthmus.training.schedules.linear import Linear
from isthmus.types import Batch, Context

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from isthmus.doctor.patient import Patient
    from isthmus.estimator import Autoencoder
    from isthmus.penalties.penalty import Penalty
    from isthmus.training.initial.initial import Initial
    from isthmus.training.optimizers.optimizer import Optimizer
    from isthmus.training.training import Training

#: Share of a continued training over which its rate rises, so that an optimizer without memory does no harm.
WARM_UP = 0.1
#: How much dearer a multiplication of a convolution is than one of a matrix product. Measured on one core: 7e8 a second
#: for 8 x 8 images against 1e10 for rows of 784 numbers.
CONVOLUTION = 8


def part_of_model(patient: Patient) -> Autoencoder:
    """The fitted model of a patient that has one."""
    if patient.model is None:
        raise TypeError("a pair of functions has no model: name 'model' among the needs of the check.")
    return patient.model


def peak_rate(training: Training) -> float:
    """The learning rate that a plan comes to."""
    optimizer = resolved(training.optimizer, "training.optimizers")
    return float(training.learning_rate or optimizer.peak_learning_rate)


def batch_of(patient: Patient, rows: Rows) -> Batch:
    """All of some rows as the network is trained on them; labels where they are of the kind that it knows."""
    shape = (len(rows), *patient.shape)
    return Batch(
        torch.from_numpy(np.ascontiguousarray(rows.x).reshape(shape)),
        None if rows.known is None else torch.from_numpy(np.ascontiguousarray(rows.known).reshape(shape)),
        _labels(rows) if _labelled(patient) else None,
        torch.arange(len(rows)),
    )


def copied(patient: Patient) -> Composition:
    """The network with the weights it has, on the processor.

    What changes in the course of a training stands as it did at its end. Penalties that need labels are left out
    where there are none.
    """
    network = part_of_model(patient).network_
    kept = _kept_penalties(patient)
    parts = dataclasses.replace(
        network.parts,
        code=_at_its_end(network.parts.code),
        corruption=_at_its_end(network.parts.corruption),
        penalties=tuple(penalty for _, penalty in kept),
    )
    copy = built(parts, network.event, patient.seed)
    pairs = [(getattr(network, name), getattr(copy, name)) for name in ("encoder", "decoder")]
    pairs += [(network.code_state, copy.code_state), (network.loss_state, copy.loss_state)]
    pairs += [(network.penalty_state(old), copy.penalty_state(new)) for new, (old, _) in enumerate(kept)]
    for source, target in pairs:
        if isinstance(source, nn.Module) and isinstance(target, nn.Module):
            target.load_state_dict(source.state_dict())
    return copy.eval()


def untrained(patient: Patient, initial: Initial | None = None) -> Composition:
    """The same parts with fresh initial weights.

    initial : which; by default the model's own, or Kaiming's where those would need a training or a file.
    """
    model = part_of_model(patient)
    parts: Parts = dataclasses.replace(
        model.network_.parts, penalties=tuple(penalty for _, penalty in _kept_penalties(patient))
    )
    network = built(parts, model.network_.event, patient.seed)
    initial = initial or resolved(model.part("training").initial_weights, "training.initial")
    if isinstance(initial, Pretraining | FromModel):
        initial = Kaiming()
    rows = batch_of(patient, patient.train)
    batch = Batch(rows.x[:INITIAL_ROWS], None if rows.mask is None else rows.mask[:INITIAL_ROWS])
    initial(network, batch=batch, generator=torch.Generator().manual_seed(patient.seed))
    return network.eval()


def continued(
    patient: Patient, batch: Batch, *, rate: float, epochs: int, optimizer: Optimizer | None = None
) -> Composition:
    """A copy of the network after some more epochs on a batch of rows, from ``rate`` down to 0 in a straight line.

    optimizer : the training's own by default.
    Random: from the patient's seed. Raises NonFiniteError where that diverges.
    """
    return shortly_trained(copied(patient), patient, batch, rate=rate, epochs=epochs, optimizer=optimizer)


def shortly_trained(
    network: Composition,
    patient: Patient,
    batch: Batch,
    *,
    rate: float,
    epochs: int,
    optimizer: Optimizer | None = None,
) -> Composition:
    """A network trained in place as :func:`continued` trains the copy that it makes."""
    training: Training = part_of_model(patient).part("training")
    plan = dataclasses.replace(
        training,
        max_epochs=epochs,
        learning_rate=rate,
        optimizer=optimizer or training.optimizer,
        schedule=Linear(warmup=WARM_UP),
        initial_weights="as_built",
        averaging=0.0,
        validation_fraction=0.0,
        patience=None,
        precision="float32",
        device="cpu",
        checkpoint=None,
        resume=False,
        threads=torch.get_num_threads(),
    )
    size = step_rows(training, len(batch))
    feed = MemoryFeed(batch, batch_size=size, shuffle=True, seed=patient.seed)
    train(network, feed, plan, seed=patient.seed)
    return network.eval()


def divided(patient: Patient) -> tuple[Rows, Rows]:
    """Rows to learn from and rows to judge by: a fifth of the training rows where there are no others."""
    return (patient.train, patient.test) if patient.held_out else fifth(patient.train)


def fifth(rows: Rows) -> tuple[Rows, Rows]:
    """Four fifths of some rows, and the first fifth, each with what is known of them."""
    first = len(rows) // 5
    parts = [
        Rows(
            rows.x[place],
            None if rows.known is None else rows.known[place],
            None if rows.labels is None else rows.labels[place],
            rows.total,
        )
        for place in (slice(first, None), slice(first))
    ]
    return parts[0], parts[1]


def errors_of(
    patient: Patient, network: Composition, rows: Rows
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(n,) squared errors and (n,) nats of the whole objective, without noise."""
    batch = batch_of(patient, rows)
    objective = Objective(network)
    with torch.no_grad():  # not inference_mode: penalties may differentiate
        outputs = by_blocks(network.reconstruct, batch.x, network=network)
        nats = [
            total(objective(Batch(*part), Context())).double().numpy()
            for part in zip(*(_pieces(value, len(batch)) for value in vars(batch).values()), strict=True)
        ]
    return rows.squares(outputs.numpy().reshape(len(rows), -1)).sum(axis=1), np.concatenate(nats)


def _pieces(value: Any, rows: int) -> Any:
    return [None] * -(-rows // 1024) if value is None else value.split(1024)


def step_rows(training: Training, rows: int) -> int:
    """Rows a step of a continuation on so many: those of the training, and few enough for eight steps an epoch."""
    return min(training.batch_size, max(1, rows // 8))


def operations(network: Composition) -> float:
    """Multiplications that one row takes through encoder and decoder, those of convolutions counted by their cost."""
    found: list[float] = []

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        weight = getattr(module, "weight", None)
        if isinstance(weight, Tensor) and weight.ndim > 1:
            places = max(output.numel() // max(1, output.shape[1]), inputs[0][0, 0].numel())
            found.append(float(weight.numel() * places * (CONVOLUTION if weight.ndim > 2 else 1)))

    handles = [module.register_forward_hook(count) for module in network.modules()]
    try:
        with torch.inference_mode():
            network.decode(network.encode(torch.zeros(1, *network.event.shape)).z)
    finally:
        for handle in handles:
            handle.remove()
    return sum(found)


def _kept_penalties(patient: Patient) -> list[tuple[int, Penalty]]:
    """Penalties that can be computed, each with its number."""
    penalties = part_of_model(patient).network_.parts.penalties
    labelled = _labelled(patient)
    return [
        (number, penalty)
        for number, penalty in enumerate(penalties)
        if labelled or "labels" not in penalty.needs
    ]


def _labelled(patient: Patient) -> bool:
    """Whether the labels are those that the network was trained with, classes that only held-out rows have aside."""
    classes = part_of_model(patient).network_.event.classes
    known = tuple(map(str, getattr(patient.model, "classes_", ())))
    return patient.train.labels is not None and (patient.classes or ())[:classes] == known[:classes]


def _labels(rows: Rows) -> Tensor | None:
    return None if rows.labels is None else torch.from_numpy(np.ascontiguousarray(rows.labels))


def _at_its_end(part: Any) -> Any:
    """A code or corruption as it is when a training ends, whatever it was before."""
    if isinstance(part, Gaussian):
        return dataclasses.replace(part, warm_up=0.0)
    if isinstance(part, LevelledCorruption) and part.level in ("falling", "rising"):
        strength = part.floor if part.level == "falling" else getattr(part, part.strength)
        return dataclasses.replace(part, level="fixed", floor=0.0, **{part.strength: strength})
    return part
