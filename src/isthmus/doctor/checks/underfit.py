"""Would more training help?"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from scipy.stats import theilslopes

from isthmus.doctor.check import Check
from isthmus.doctor.finding import Measure, Picture, Remedy
from isthmus.doctor.remedies import USUAL_STEPS, far, relieved, tried_rate, usual, usual_epochs
from isthmus.doctor.retraining import (
    batch_of,
    continued,
    copied,
    divided,
    errors_of,
    operations,
    part_of_model,
    peak_rate,
    step_rows,
)
from isthmus.doctor.statistics import structure_free
from isthmus.doctor.statistics.intervals import Interval, mean, ratio
from isthmus.errors import NonFiniteError
from isthmus.training.loop import resolved
from isthmus.training.optimizers.adam import Adam
from isthmus.types import Batch

if TYPE_CHECKING:
    from isthmus.doctor.finding import Finding
    from isthmus.doctor.patient import Patient
    from isthmus.doctor.rows import Rows
    from isthmus.training.training import Training

#: Shares of the error that a short continuation takes away. A rate that falls once more is worth some per cent to
#: nearly every model; a tenth is more than noise and habit, a third is a training that was broken off.
FAILURE, WARNING = 0.35, 0.1
#: A continuation is this share of the training, and at least so many epochs, as far as the training itself had them.
SHARE, LEAST_EPOCHS = 0.2, 10
#: Bounds of one continuation: steps, and multiplications (three for each of a forward pass). Together they take about
#: a second and a half on one slow core; they count work, not time, so that equal rows give equal verdicts.
STEPS, WORK = 300, 6.0e9
#: An optimizer whose own multiplications would come to more than so many times that bound gives way to Adam.
DEAR = 5.0
#: Rates of the continuations. The fast one is tried only where PCA is better on the very rows that were trained on:
#: a rate too small to arrive is likely there. It is another training, so it has to gain more to count.
RATES = {"the same rate": 1.0, "a tenth of the rate": 0.1, "ten times the rate": 10.0}
#: The same where Adam goes on in the place of a dear optimizer.
ADAM_RATES = {"Adam's own rate": 1.0, "a tenth of Adam's own rate": 0.1, "ten times Adam's own rate": 10.0}
FAST_WARNING = 0.2
#: Rank of a gain that is worth a failure.
FAILED = 2
#: Rows that judge, at least; more where they cost no more than a continuation.
JUDGES = 1000
#: Rows that a continuation cannot do without: fewer are learned by heart.
LEAST_ROWS = 200
#: Epochs in a row whose losses have a slope.
LEAST_RECORDS = 4
#: Errors below this share of the data's variance are nothing to improve.
EXACT = 1e-4


@dataclass(frozen=True)
class _Continuation:
    """A copy that was trained on: its name, what is left of the error, what the objective fell by.

    times : its rate in units of the training's; 1 where another optimizer went on, whose rates say nothing of those.
    least : the gain that is worth a warning.
    """

    name: str
    times: float
    left: Interval
    fell: Interval
    least: float

    @property
    def rank(self) -> int:
        """FAILED for a gain of a failure, 1 for one of a warning, else 0."""
        if not self.fell.above(0.0):
            return 0
        return int(self.left.below(1 - self.least)) + int(self.left.below(1 - FAILURE))


class Underfit(Check):
    """The held-out error of a copy that is trained a little further, beside that of the model, row by row.

    Copies go on from the weights as they are: one from the rate of the training, one from a tenth of it and, where PCA
    does better on the training rows, one from ten times of it, each falling to 0. They learn from the training rows
    that are looked at and are judged on others, so that learning by heart does not count as progress; the model itself
    is left alone. A gain counts only where the whole objective falls as well: a penalty that gives way to the
    reconstruction is no progress.
    """

    code: ClassVar[str] = "underfit"
    question: ClassVar[str] = "Would more training help?"
    needs: ClassVar[frozenset[str]] = frozenset({"model", "spread"})
    order: ClassVar[int] = 25

    def run(self, patient: Patient) -> Finding:
        training: Training = part_of_model(patient).part("training")
        learned, judged = divided(patient)
        network = copied(patient)
        judged = structure_free.first(judged, int(max(JUDGES, WORK / (4.0 * max(1.0, operations(network))))))
        before = errors_of(patient, network, judged)
        variance = judged.squares(patient.baselines.mean[None]).sum()
        if before[0].sum() <= EXACT * variance:
            return self.finding(
                "ok",
                "Nothing is left to learn: the error is below a ten-thousandth of the variance",
                {
                    "error": Measure(
                        float(before[0].sum() / max(variance, 1e-300)), "error in the data's variance"
                    )
                },
                "An error of the size of rounding cannot be improved by training.",
            )
        epochs, batch, optimizer = _size(patient, learned, training)
        rates, peak = (
            (RATES, peak_rate(training)) if optimizer is None else (ADAM_RATES, optimizer.peak_learning_rate)
        )
        generator = patient.generator(self.code)
        beside = _beside_pca(patient)
        found: list[_Continuation] = []
        for name, factor in rates.items():
            if factor > 1 and (not beside or beside["training_error"].value <= 1):
                continue
            if found and found[-1].rank == FAILED:
                break  # no more is to be known
            try:
                network = continued(patient, batch, rate=factor * peak, epochs=epochs, optimizer=optimizer)
            except NonFiniteError:
                continue  # a rate at which the training breaks does not show that more of it would help
            after = errors_of(patient, network, judged)
            fell = mean(before[1] - after[1], generator)
            left = ratio(after[0], before[0], generator)
            least = WARNING if factor <= 1 else FAST_WARNING
            found.append(_Continuation(name, factor if optimizer is None else 1.0, left, fell, least))
        if not found:
            return self.skipped("a continued training breaks off at once: see unstable-training.")
        return self._verdict(patient, found, beside, epochs, (len(batch), len(judged)))

    def _verdict(
        self,
        patient: Patient,
        found: list[_Continuation],
        beside: dict[str, Measure],
        epochs: int,
        rows: tuple[int, int],
    ) -> Finding:
        """rows : learned from, and judged by."""
        best = max(found, key=lambda one: (one.rank, one.fell.above(0.0), -one.left.high))
        evidence: dict[str, Any] = {
            f"left_after_{_key(one.name)}": Measure(
                one.left.value,
                f"share of the error that is left after {_epochs(epochs)} more on {rows[0]:,} rows at {one.name}",
                one.left.low,
                one.left.high,
                rows[1],
                1.0,
                "the model as it is",
            )
            for one in found
        }
        evidence |= _slope(patient) | beside
        severity = ("ok", "warning", "failure")[best.rank]
        gain = 100 * (1 - best.left.value)
        pictures = _pictures(patient)
        if severity == "ok":
            title = (
                f"More training helps little: {_epochs(epochs)} more take {gain:.0f} % off the error"
                if gain >= 1 and best.fell.above(0.0)
                else f"More training does not help: {_epochs(epochs)} more leave the error as it is"
            )
            why = "A training that has come to its end gains nothing from going on."
            return self.finding("ok", title, evidence, why, pictures=pictures)
        return self.finding(
            "failure" if severity == "failure" else "warning",
            f"It was not trained to the end: {_epochs(epochs)} more at {best.name} take {gain:.0f} % off the error "
            "of rows that they did not see",
            evidence,
            "What the model gets wrong now says more about when it was stopped than about what it can do.",
            *_remedies(patient, best),
            pictures=pictures,
        )


def _key(name: str) -> str:
    """The name of a continuation as one of evidence."""
    return name.removeprefix("the ").removeprefix("a ").replace("'s", "").replace(" ", "_").lower()


def _size(patient: Patient, learned: Rows, training: Training) -> tuple[int, Batch, Adam | None]:
    """How many epochs of which rows a continuation has, within its bounds; and Adam where the optimizer is too dear."""
    network = copied(patient)
    passes = WORK / (3.0 * max(1.0, operations(network)))
    rows = int(min(len(learned), max(LEAST_ROWS, passes)))
    batch = batch_of(patient, learned)
    batch = Batch(*(None if value is None else value[:rows] for value in vars(batch).values()))  # type: ignore[arg-type]
    done = max(1, len(_records(patient)))
    # Epochs of all rows count for more where only some of them are looked at.
    wanted = max(SHARE * done, min(LEAST_EPOCHS, done)) * max(1.0, patient.train.total / rows)
    steps = -(-rows // step_rows(training, rows))
    epochs = int(max(1, min(wanted, STEPS // steps, passes // rows)))
    optimizer = resolved(training.optimizer, "training.optimizers")
    dear = epochs * steps * optimizer.multiplications(network.parameters()) > DEAR * WORK
    return epochs, batch, Adam() if dear else None


def _records(patient: Patient) -> list[dict[str, Any]]:
    """The epochs of the joint training."""
    return [record for record in part_of_model(patient).history_ if "stage" not in record]


def _slope(patient: Patient) -> dict[str, Measure]:
    """What the loss still lost over the last fifth of the training, as a share of itself."""
    losses = np.array([record["loss"] for record in _records(patient)])
    last = losses[-max(LEAST_RECORDS, len(losses) // 5) :]
    if len(losses) < LEAST_RECORDS:
        return {}
    slope, _, low, high = theilslopes(last, np.arange(len(last)))
    scale = -(len(last) - 1) / max(abs(float(last[-1])), 1e-300)
    return {
        "still_falling": Measure(
            float(slope * scale),
            f"fall of the training loss over the last {len(last)} epochs, in what it came to (slope of Theil and Sen)",
            float(high * scale),
            float(low * scale),
            len(last),
            0.0,
            "a loss that stands still",
        )
    }


def _beside_pca(patient: Patient) -> dict[str, Measure]:
    """The error on the training rows in that of PCA, where PCA leaves any."""
    train = patient.train
    pca = train.squares(patient.baselines.pca_reconstruction(train.x, train.known)).sum()
    if pca <= EXACT * train.squares(patient.baselines.mean[None]).sum():
        return {}
    own = train.squares(patient.train_reconstruction).sum()
    what = "squared error on the training rows, in units of PCA's"
    return {
        "training_error": Measure(float(own / pca), what, None, None, len(train), 1.0, "PCA of the same size")
    }


def _epochs(count: int) -> str:
    return f"{count} epochs" if count > 1 else "1 epoch"


def _remedies(patient: Patient, best: _Continuation) -> list[Remedy]:
    training: Training = part_of_model(patient).part("training")
    # A training that was broken off says little about how long it should have been.
    times, words = (10, "ten") if best.rank == FAILED else (3, "three")
    longer = {"training__max_epochs": times * max(1, training.max_epochs)}
    rate = peak_rate(training)
    few = _few_steps(patient, training) if best.rank == FAILED else []
    first = Remedy(
        f"Train {words} times as long.", longer | ({"training__patience": None} if training.patience else {})
    )
    sound = [*relieved(part_of_model(patient)), *usual(patient)]
    slower = Remedy(
        "Train longer, from a smaller rate that falls to 0.",
        longer | {"training__learning_rate": rate / 3, "training__schedule": "cosine"},
    )
    faster = Remedy("Train longer at three times the rate.", longer | {"training__learning_rate": 3 * rate})
    if best.times > 1:
        much_faster = longer | {"training__learning_rate": best.times * rate}
        raised = [Remedy("Train longer at ten times the rate.", much_faster)]
        # A rate that would be far from the usual ones makes up for epochs that are missing.
        usually = not far(dataclasses.replace(training, learning_rate=best.times * rate))
        return [*(raised + few if usually else few + raised), *sound, faster, first]
    return [*sound, *few, *([slower, first] if best.times < 1 else [first, faster])]


def _few_steps(patient: Patient, training: Training) -> list[Remedy]:
    """As many steps as small networks take, where hardly any network could have come to its end."""
    steps = -(-patient.train.total // training.batch_size)
    done, epochs = steps * max(1, len(_records(patient))), usual_epochs(training, patient.train.total)
    if 3 * done > USUAL_STEPS:
        return []
    rate, told = tried_rate(patient)
    text = (
        f"Train for {_epochs(epochs)}, {told.rstrip(',')}: {done:,} steps are few for any network, "
        f"{epochs * steps:,} suit small ones."
    )
    patch: dict[str, Any] = {
        "training__max_epochs": epochs,
        "training__learning_rate": rate,
        "training__schedule": "cosine",
    }
    return [Remedy(text, patch | ({"training__patience": None} if training.patience else {}))]


def _pictures(patient: Patient) -> list[Picture]:
    records = _records(patient)
    if len(records) < 2:
        return []
    series = {
        words: np.array([record[name] for record in records])
        for name, words in (("loss", "training"), ("validation_loss", "validation"))
        if all(name in record for record in records)
    }
    caption = "The loss of the training. Where it still falls at the right end, more epochs may help."
    return [
        Picture("curves", series, caption, x=np.arange(1, len(records) + 1), axes=("epoch", "nats a row"))
    ]
