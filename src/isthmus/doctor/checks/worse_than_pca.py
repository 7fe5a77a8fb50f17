"""Is it beaten by PCA of the same size?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from isthmus.architectures.dense import Dense
from isthmus.doctor.check import Check
from isthmus.doctor.finding import Measure, Picture, Remedy
from isthmus.doctor.remedies import lighter, relieved
from isthmus.doctor.statistics.asked import asked_for
from isthmus.doctor.statistics.intervals import of_sums, quotient, ratio
from isthmus.doctor.statistics.rival import Rival

if TYPE_CHECKING:
    from isthmus.doctor.finding import Finding, Severity
    from isthmus.doctor.patient import Patient
    from isthmus.doctor.statistics.intervals import Interval

#: Errors in those of PCA, from which a model is beaten: by a tenth, since two fits of one model on a few hundred rows
#: differ by some percent; and by a half. Sound models of digits, MNIST and swiss rolls have 0.3 to 1.05.
WARNING, FAILURE = 1.1, 1.5
#: The same for models that are asked for more than small errors: Gaussian or sparse codes, damaged inputs, penalties.
#: Sound ones of digits, MNIST and breast cancer have 0.6 to 1.9.
WARNING_ASKED, FAILURE_ASKED = 2.0, 4.0
#: Shares of the variance that the difference has to be worth for a warning and for a failure: below it both are nearly
#: exact, whatever their ratio. More of models that are asked for more.
WORTH, WORTH_FAILURE = 0.01, 0.05
WORTH_ASKED, WORTH_FAILURE_ASKED = 0.1, 0.2
#: Share of the variance left to PCA, below which it reproduces rows as they come.
EXACT = 1e-3


class WorseThanPCA(Check):
    """The errors of held-out rows beside those of PCA with as many directions as a row's code has numbers.

    The best linear autoencoder is PCA (Baldi and Hornik 1989), so a network of as large a code should do no worse.
    The ratio of errors is paired: both models are judged on the same rows, and its interval resamples rows. Codes of
    which a row uses only some units are compared with PCA of so many directions as are active in a row, and Gaussian
    ones with as many as vary over rows.

    References: Baldi and Hornik (1989), Neural Networks 2; active units: Burda et al. (2016), arXiv:1509.00519,
    section 5.
    """

    code: ClassVar[str] = "worse-than-pca"
    question: ClassVar[str] = "Is it beaten by PCA of the same size?"
    needs: ClassVar[frozenset[str]] = frozenset({"spread"})
    order: ClassVar[int] = 50

    def obstacles(self, patient: Patient) -> Iterator[str]:
        yield from super().obstacles(patient)
        if not patient.varies:
            return
        total = patient.mean_squares.sum()
        rival = Rival.of(patient)
        if rival.squares(patient).sum() <= EXACT * total:
            yield (
                f"PCA of {rival.size} directions reproduces these rows as they come, so nothing can be better; whether "
                "the model does the same is asked by identity-copy."
            )

    def run(self, patient: Patient) -> Finding:
        generator = patient.generator(self.code)
        rival = Rival.of(patient)
        errors, others = patient.squares.sum(axis=1), rival.squares(patient).sum(axis=1)
        reference = patient.mean_squares.sum(axis=1)
        found = ratio(errors, others, generator)
        worth = of_sums(
            np.stack([errors - others, reference], axis=1),
            lambda sums: quotient(sums[..., 0], sums[..., 1]),
            generator,
        )
        asked = asked_for(patient, rival)
        bounds = _ASKED if asked else _PLAIN
        severity = _severity(found, worth, bounds)
        evidence = _evidence(patient, rival, found, worth, bounds, asked)
        pictures = [_picture(errors, others, rival)]
        why = (
            "PCA takes seconds, has no settings and one best answer. A network that is beaten by it was not trained to "
            "the end, or cannot show what it has learned on new rows."
        )
        if severity == "ok":
            title = f"It is better than PCA of {rival.words}: its squared errors are {found.value:.2f} times those"
            if not found.below(1.0):
                worthless = f"the difference is worth {100 * abs(worth.value):.1f} % of the variance"
                title = f"It is about as good as PCA of {rival.words}: {worthless}"
            return self.finding("ok", title, evidence, why, pictures=pictures)
        title = f"PCA of {rival.words} is better: squared errors are {found.value:.2f} times those of PCA"
        if severity == "info":
            why = (
                f"The model is asked for more than small errors ({asked}), which costs some."
                if asked
                else "The difference is small: a little more training, or more rows, may turn it round."
            )
            return self.finding("info", title, evidence, why, pictures=pictures)
        return self.finding(severity, title, evidence, why, *_remedies(patient, rival), pictures=pictures)


@dataclass(frozen=True)
class _Bounds:
    """Ratios of errors, and shares of the variance that the difference is worth, for a warning and for a failure."""

    warning: float
    failure: float
    worth: float
    worth_failure: float


_PLAIN = _Bounds(WARNING, FAILURE, WORTH, WORTH_FAILURE)
_ASKED = _Bounds(WARNING_ASKED, FAILURE_ASKED, WORTH_ASKED, WORTH_FAILURE_ASKED)


def _severity(found: Interval, worth: Interval, bounds: _Bounds) -> Severity:
    if not found.above(1.0) or not worth.above(WORTH):
        return "ok"
    if found.above(bounds.failure) and worth.above(bounds.worth_failure):
        return "failure"
    return "warning" if found.above(bounds.warning) and worth.above(bounds.worth) else "info"


def _evidence(
    patient: Patient, rival: Rival, found: Interval, worth: Interval, bounds: _Bounds, asked: str
) -> dict[str, Any]:
    n = len(patient.test)
    total = patient.mean_squares.sum()
    train_total = patient.train.squares(patient.baselines.mean[None]).sum()
    evidence: dict[str, Any] = {
        "error_ratio": Measure(
            found.value,
            "squared errors in those of PCA",
            found.low,
            found.high,
            n,
            1.0,
            f"PCA of {rival.words}",
        ),
        "variance_lost": Measure(
            worth.value,
            "share of the variance that PCA explains and the model does not",
            worth.low,
            worth.high,
            n,
            0.0,
            f"PCA of {rival.words}",
        ),
        "explained_variance": Measure(
            1.0 - patient.squares.sum() / total,
            "share of the variance that reconstructions explain",
            n=n,
            against=1.0 - float(rival.squares(patient).sum() / total),
            null=f"PCA of {rival.words}",
        ),
        "judged_by": f"warning from {bounds.warning} times PCA's errors and {100 * bounds.worth:.0f} % of the "
        "variance, failure "
        f"from {bounds.failure} and {100 * bounds.worth_failure:.0f} %"
        + (f", since it is asked for {asked}" if asked else ""),
    }
    if patient.held_out and train_total > 0:
        own = float(patient.train.squares(patient.train_reconstruction).sum() / train_total)
        evidence["explained_of_training_rows"] = Measure(
            1.0 - own, "the same of training rows", n=len(patient.train), against=0.0, null="the mean"
        )
    return evidence


def _picture(errors: Any, others: Any, rival: Rival) -> Picture:
    points = np.stack([others, errors], axis=1)[:1_000]
    return Picture(
        "scatter",
        {"rows": points},
        f"Squared error of each row, by PCA of {rival.words} and by the autoencoder. Rows above the diagonal are "
        "reconstructed better by PCA.",
        axes=("PCA", "autoencoder"),
    )


def _remedies(patient: Patient, rival: Rival) -> list[Remedy]:
    longer = "Train longer, with a rate that falls to nothing at the end."
    if patient.model is None:
        return [Remedy(longer), Remedy("Begin from the principal directions."), Remedy("Use PCA.")]
    training, architecture = (patient.model.part(name) for name in ("training", "architecture"))
    patch: dict[str, Any] = {
        "training__max_epochs": max(2 * training.max_epochs, 30),
        "training__schedule": "cosine",
    }
    found = [*relieved(patient.model), *lighter(patient.model)]
    hidden = architecture.hidden if isinstance(architecture, Dense) else ()
    if not _overfits(patient):
        found.append(Remedy(longer, patch))
    elif hidden:
        fewer = tuple(max(nodes // 2, patient.code_size) for nodes in hidden)
        text = "It is better on the rows it was trained on: give it more rows, or fewer weights."
        found.append(Remedy(text, {"architecture__hidden": fewer}))
    if training.initial_weights != "pca" and not rival.sparse:
        start = "Begin from the principal directions, so that training starts about where PCA ends."
        found.append(Remedy(start, {"training__initial_weights": "pca"} | patch))
    return found + (_layers(patient, architecture) if hidden else [])


def _layers(patient: Patient, architecture: Dense) -> list[Remedy]:
    """Changes of layers that stand in the way of what PCA does."""
    found = []
    narrow = min(architecture.hidden)
    if architecture.activation in ("relu", "sigmoid", "tanh"):
        leak = "Let hidden units leak: rectified or saturated ones pass only a part of what PCA keeps."
        found.append(Remedy(leak, {"architecture__activation": "leaky_relu"}))
    if narrow < 4 * patient.code_size:
        wider = tuple(max(2 * nodes, 4 * patient.code_size) for nodes in architecture.hidden)
        text = f"Widen the hidden layers, of which the smallest has {narrow} nodes for a code of {patient.code_size}."
        found.insert(0, Remedy(text, {"architecture__hidden": wider, "architecture__decoder_hidden": None}))
    return found


def _overfits(patient: Patient) -> bool:
    """Whether it beats PCA of its size on the training rows."""
    if not patient.held_out:
        return False
    train = patient.train
    pca = train.squares(patient.baselines.pca_reconstruction(train.x, train.known)).sum()
    return bool(train.squares(patient.train_reconstruction).sum() < pca)
