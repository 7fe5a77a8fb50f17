"""Did the training run steadily?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from isthmus.doctor.check import Check
from isthmus.doctor.finding import Measure, Picture, Remedy
from isthmus.doctor.remedies import relieved, usual
from isthmus.doctor.retraining import batch_of, copied, part_of_model, peak_rate, untrained
from isthmus.objective import RECONSTRUCTION, Objective, total
from isthmus.types import Batch, Context

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from isthmus.composition import Composition
    from isthmus.doctor.finding import Finding
    from isthmus.doctor.patient import Patient
    from isthmus.training.training import Training

#: A spike gives back this share of all that the loss had fallen by, within one epoch, and raises the loss by LIFT of
#: itself. Epochs of healthy trainings that are noisy give back some per cent.
SPIKE, LIFT = 0.25, 0.2
#: Spikes that were made good again are worth a warning when there are so many.
MANY = 3
#: An epoch whose mean loss is so many times that of the network before its first step made it worse than doing nothing.
WORSE = 1.5
#: Gradients, as shares of the weights they change, may differ so much between layers. Sound networks of two to four
#: hidden layers stay below 100, chains of eight logistic layers pass 1e4.
SPREAD = 1.0e4
#: Gradients of some batches may be so many times the typical one.
BURST = 100.0
#: Batches of a pass; of a pass of the network before its first step, which is only compared with; rows in each at most.
BATCHES, FRESH, ROWS = 16, 4, 256


@dataclass(frozen=True)
class _Course:
    """How the loss went: losses (epochs,), the epochs that spiked, the largest share given back, and at the end."""

    losses: NDArray[np.float64]
    spikes: list[int]
    largest: float
    at_the_end: float
    lost: bool


@dataclass(frozen=True)
class _Pass:
    """Gradients of each matrix in units of its own length, the largest batch's in units of the typical, and batches."""

    layers: dict[str, float]
    burst: float
    batches: int


class UnstableTraining(Check):
    """The losses of all epochs, and the gradients of the weights as they are, layer by layer.

    A spike is a rise within one epoch that gives back much of what the training had gained, of the whole loss and of
    the reconstruction alike: the whole rises as well where a penalty's weight grows on purpose, and the reconstruction
    where it gives way to a penalty. The first epoch is compared with the network before its first step.
    Gradients come from one pass over training rows on a copy; no weight of the model changes.
    """

    code: ClassVar[str] = "unstable-training"
    question: ClassVar[str] = "Did the training run steadily?"
    needs: ClassVar[frozenset[str]] = frozenset({"model"})
    order: ClassVar[int] = 10

    def run(self, patient: Patient) -> Finding:
        model = part_of_model(patient)
        records = [one for one in model.history_ if "stage" not in one]
        losses, reconstruction = (
            np.array([one.get(name, one["loss"]) for one in records], dtype=np.float64)
            for name in ("loss", RECONSTRUCTION)
        )
        course = _both(_course(losses), _course(reconstruction))
        fresh = untrained(patient)
        network = copied(patient)
        now = _gradients(patient, network, BATCHES, _loss)
        layers, burst = now.layers, now.burst
        spread = _spread(layers)
        passed = _spread(_gradients(patient, network, FRESH, _random_errors).layers)
        stopped = str(model.training_summary_["stopped"])
        first = _first(patient, fresh, losses, reconstruction)
        evidence: dict[str, Any] = {
            "stopped": stopped,
            "spikes": Measure(
                len(course.spikes),
                "epochs that gave back much of what had been gained",
                n=len(course.losses),
                against=0.0,
                null="a loss that falls, but for noise",
            ),
            "largest_rise": Measure(
                course.largest,
                "largest rise within one epoch, as a share of all that the loss had fallen by",
                n=len(course.losses),
                against=SPIKE,
                null="threshold of a spike",
            ),
            "first_epoch": Measure(
                first,
                "mean loss of the first epoch, or of its reconstruction where that is less, in those of the network "
                "before its first step",
                against=1.0,
                null="doing nothing",
            ),
            "spread_of_gradients": Measure(
                spread,
                "largest over smallest gradient of a layer, each as a share of its weights",
                n=len(_moving(layers)),
                against=_spread(_gradients(patient, fresh, FRESH, _loss).layers),
                null="the same network before its first step",
            ),
            "spread_for_random_errors": Measure(
                passed,
                "the same where outputs have random errors, which no layer has learned to avoid",
                n=len(_moving(layers)),
                against=SPREAD,
                null="threshold of vanishing gradients",
            ),
            "burst": Measure(
                burst,
                "largest gradient of a batch, in units of the typical one",
                n=now.batches,
                against=BURST,
                null="threshold of exploding gradients",
            ),
            "gradients": layers,
        }
        severity, title = _judged(course, stopped, first, burst, layers, passed)
        pictures = _pictures(course, layers)
        if severity == "ok":
            why = "Sudden rises of the loss, and gradients that vanish or explode, are what unsteady trainings show."
            return self.finding("ok", title, evidence, why, pictures=pictures)
        return self.finding(
            "failure" if severity == "failure" else "warning" if severity == "warning" else "info",
            title,
            evidence,
            "Where a training is thrown back, the weights it ends with are a matter of luck, and units that were "
            "thrown far out may never come back.",
            *(() if severity == "info" else _remedies(patient, vanishing=title.startswith("Gradients"))),
            pictures=pictures,
        )


def _course(losses: NDArray[np.float64]) -> _Course:
    spikes, largest = [], 0.0
    for place in range(1, len(losses)):
        best = losses[:place].min()
        gained, rise = losses[0] - best, losses[place] - losses[place - 1]
        given_back = rise / gained if gained > 0 else float(rise > 0)
        lifted = rise > LIFT * max(abs(best), 1e-300)
        largest = max(largest, float(given_back) if lifted else 0.0)
        if lifted and given_back > SPIKE:
            spikes.append(place + 1)
    if len(losses) < 2:
        return _Course(losses, spikes, largest, 0.0, lost=False)
    best = losses.min()
    end = float(losses[-1] - best)
    gained = float(losses[0] - best)
    at_the_end = end / gained if gained > 0 else float(end > 0)
    lost = bool(spikes) and at_the_end > SPIKE and end > LIFT * abs(float(best))
    return _Course(losses, spikes, largest, at_the_end, lost=lost)


def _both(whole: _Course, reconstruction: _Course) -> _Course:
    """What happened to the whole loss and to the reconstruction."""
    spikes = [epoch for epoch in whole.spikes if epoch in reconstruction.spikes]
    return _Course(
        whole.losses,
        spikes,
        min(whole.largest, reconstruction.largest),
        min(whole.at_the_end, reconstruction.at_the_end),
        lost=bool(spikes) and whole.lost and reconstruction.lost,
    )


def _first(patient: Patient, fresh: Composition, *series: NDArray[np.float64]) -> float:
    """The first epoch's mean loss, and its reconstruction, in those of a fresh network; the smaller share."""
    if not len(series[0]):
        return float("nan")
    shares = [one[0] / start for one, start in zip(series, _losses(patient, fresh), strict=True) if start > 0]
    return float(min(shares, default=np.nan))


def _judged(
    course: _Course, stopped: str, first: float, burst: float, layers: dict[str, float], passed: float
) -> tuple[str, str]:
    """Severity and title, the worst first."""
    epochs = len(course.losses)
    if stopped == "non-finite":
        return (
            "failure",
            f"The training broke off: the loss became infinite or undefined after {epochs} good epochs",
        )
    if course.lost:
        share = 100 * course.at_the_end
        return (
            "failure",
            f"The loss jumped in epoch {course.spikes[0]} and {share:.0f} % of the gain stayed lost",
        )
    if first > WORSE:
        return "failure", f"The first epoch made it {first:.2g} times worse than it was before the first step"
    if len(course.spikes) >= MANY:
        return (
            "warning",
            f"The loss jumped in {len(course.spikes)} of {epochs} epochs, at worst by {_gain(course)}",
        )
    if burst > BURST:
        return "warning", f"Gradients of some batches are {burst:.0f} times the typical one"
    spread = _spread(layers)
    if min(spread, passed) > SPREAD:
        weakest = min(_moving(layers), key=lambda name: layers[name])
        return (
            "warning",
            f"Gradients vanish: that of {weakest} is {spread:.0e} times smaller than the largest",
        )
    if course.spikes:
        return "info", f"The loss jumped in epoch {course.spikes[0]} by {_gain(course)}, and recovered"
    return "ok", "The training ran steadily: no epoch lost much of what had been gained"


def _moving(layers: dict[str, float]) -> dict[str, float]:
    """Those that have a gradient at all."""
    return {name: share for name, share in layers.items() if share > 0}


def _spread(layers: dict[str, float]) -> float:
    """Largest over smallest gradient of the layers that have one."""
    shares = _moving(layers).values()
    return max(shares) / min(shares) if shares else 1.0


def _gain(course: _Course) -> str:
    return f"{100 * course.largest:.0f} % of what had been gained"


def _losses(patient: Patient, network: Composition) -> tuple[float, float]:
    """Mean objective and reconstruction of a network on training rows, with the noise that a training has."""
    batch = _cut(batch_of(patient, patient.train), 0, BATCHES * ROWS)
    context = Context(torch.Generator().manual_seed(patient.seed))
    with torch.no_grad():
        terms = Objective(network)(batch, context)
    return float(total(terms).double().mean()), float(terms[RECONSTRUCTION].double().mean())


def _loss(network: Composition, batch: Batch, context: Context) -> Tensor:
    """What training follows."""
    return total(Objective(network)(batch, context)).mean()


def _random_errors(network: Composition, batch: Batch, context: Context) -> Tensor:
    """A loss whose errors are random: layers that are best as they are have gradients of it all the same."""
    output = network.decode(network.encode(batch.x, context).z)
    return (output * torch.randn_like(output)).sum() / len(output)


def _gradients(
    patient: Patient,
    network: Composition,
    batches: int,
    loss: Callable[[Composition, Batch, Context], Tensor],
) -> _Pass:
    """Gradients of each matrix in units of its own length, over batches as in training, and the largest batch's size.

    Sizes are roots of means of squares over batches; the largest batch's is in units of the median.
    """
    training: Training = part_of_model(patient).part("training")
    batch = batch_of(patient, patient.train)
    size = min(training.batch_size, ROWS, len(batch))
    matrices = [
        (name, value) for name, value in network.named_parameters() if value.ndim > 1 and value.requires_grad
    ]
    generator = torch.Generator().manual_seed(patient.seed)
    squares = []
    network.train()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(patient.seed)
        for first in range(0, min(batches * size, len(batch) - size + 1), size):
            wanted = loss(network, _cut(batch, first, first + size), Context(generator))
            found: tuple[Tensor | None, ...] = torch.autograd.grad(
                wanted, [matrix for _, matrix in matrices], allow_unused=True
            )
            squares.append([0.0 if one is None else float(one.double().square().sum()) for one in found])
    network.eval()
    table = np.array(squares).reshape(len(squares), len(matrices))
    lengths = np.array([float(value.detach().double().norm()) for _, value in matrices])
    shares = np.sqrt(table.mean(axis=0)) / np.maximum(lengths, 1e-300)
    whole = np.sqrt(table.sum(axis=1))
    typical = float(np.median(whole))
    burst = float(whole.max() / typical) if typical > 0 else 1.0
    names = [name.removesuffix(".weight") for name, _ in matrices]
    return _Pass({name: float(share) for name, share in zip(names, shares, strict=True)}, burst, len(squares))


def _cut(batch: Batch, first: int, after: int) -> Batch:
    return Batch(*(None if value is None else value[first:after] for value in vars(batch).values()))  # type: ignore[arg-type]


def _remedies(patient: Patient, *, vanishing: bool) -> list[Remedy]:
    training: Training = part_of_model(patient).part("training")
    rate = peak_rate(training)
    slower = [
        Remedy("Train with a learning rate ten times smaller.", {"training__learning_rate": rate / 10}),
        Remedy("Train with a third of the learning rate.", {"training__learning_rate": rate / 3}),
    ]
    clipped = Remedy(
        "Clip the gradient, so that single batches cannot throw the weights far.",
        {"training__gradient_clip": 1.0 if training.gradient_clip is None else training.gradient_clip / 10},
    )
    scaled = Remedy("Begin with weights that are scaled to the data.", {"training__initial_weights": "lsuv"})
    if not vanishing:
        return [
            *relieved(part_of_model(patient)),
            *usual(patient),
            slower[0],
            clipped,
            slower[1],
            scaled,
        ]
    found = [scaled]
    architecture = part_of_model(patient).part("architecture")
    if getattr(architecture, "activation", "") in ("sigmoid", "tanh", "softplus"):
        text = "Use hidden units that let gradients pass."
        found.append(Remedy(text, {"architecture__activation": "leaky_relu"}))
    if getattr(architecture, "normalization", "") == "none":
        found.append(Remedy("Normalize hidden layers.", {"architecture__normalization": "batch"}))
    return [*found, *slower[:1]]


def _pictures(course: _Course, layers: dict[str, float]) -> list[Picture]:
    pictures = []
    if len(course.losses) > 1:
        pictures.append(
            Picture(
                "curves",
                {"training": course.losses},
                "The loss epoch by epoch. A steady training falls, with noise; jumps are marked.",
                x=np.arange(1, len(course.losses) + 1),
                axes=("epoch", "nats a row"),
                marks={f"jump in epoch {epoch}": float(epoch) for epoch in course.spikes[:5]},
            )
        )
    if layers:
        pictures.append(
            Picture(
                "bars",
                {"log10": np.log10(np.maximum(list(layers.values()), 1e-12))},
                "The gradient of each layer as a share of its weights. Layers should lie within a few powers of ten.",
                names=tuple(layers),
            )
        )
    return pictures
