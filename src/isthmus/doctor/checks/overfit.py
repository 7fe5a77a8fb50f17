"""Did it learn the training rows by heart?"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from sklearn.metrics import pairwise_distances

from isthmus.architectures.dense import Dense
from isthmus.codes.deterministic import Deterministic
from isthmus.corruptions.gaussian_noise import GaussianNoise
from isthmus.corruptions.masking import Masking
from isthmus.doctor.check import Check
from isthmus.doctor.finding import Measure, Picture, Remedy
from isthmus.doctor.remedies import resized
from isthmus.doctor.retraining import peak_rate
from isthmus.doctor.statistics.dimension import ample_units
from isthmus.doctor.statistics.gaps import cost_of_gap, excess_gap
from isthmus.doctor.statistics.intervals import Interval, mean, ratio_of_samples
from isthmus.losses.binary_cross_entropy import BinaryCrossEntropy
from isthmus.losses.squared_error import SquaredError
from isthmus.penalties.weight_decay import WeightDecay

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from isthmus.doctor.finding import Finding
    from isthmus.doctor.patient import Patient
    from isthmus.doctor.rows import Rows
    from isthmus.estimator import Autoencoder

#: Gaps, in units of the gap of the baseline: sound models of a hundred to two thousand rows have 1.0 to 1.3, and up to
#: 1.6 with intervals that begin at 1.3 where rows are few for a curved manifold.
FAILURE, WARNING = 2.0, 1.5
#: What the gap has to cost, as a share of the held-out variance, to be a failure or a warning: a model whose errors are
#: tiny on both sides may have any ratio of them.
FAILURE_COST, WARNING_COST = 0.04, 0.02
#: Rows that PCA needs for each direction: with fewer its own gap is that of a memory.
ROWS_A_DIRECTION = 10
#: PCA that leaves less than this share of the variance has errors of rounding, and the mean takes its place.
ROUNDING = 1e-4
#: Rows whose neighbors are looked for, and rows among which.
ASKING, AMONG = 500, 2_000
#: A code of so many times the units that leave the data room to spare is made smaller first.
ROOMY = 2.0
#: Weight of a decay that did not suffice, in what it was.
STRONGER = 5.0
#: A validation loss that rose again by this share of what it had fallen, and of itself, has turned.
TURNED = 0.1


class Overfit(Check):
    """The error on held-out rows beside that on training rows, in units of the same ratio of PCA.

    Held-out rows may simply be harder, and every fitted model does somewhat better on its own rows; PCA of the same
    size, fitted on the same rows, shows how much of the gap is of that kind. A second measure, for the reader, asks
    what a memory would do: whether reconstructions of new rows lie nearer to a training row than to their own, more
    often than those of training rows lie nearer to another one.
    """

    code: ClassVar[str] = "overfit"
    question: ClassVar[str] = "Did it learn the training rows by heart?"
    needs: ClassVar[frozenset[str]] = frozenset({"test"})
    order: ClassVar[int] = 28

    def run(self, patient: Patient) -> Finding:
        generator = patient.generator(self.code)
        own = [_per_entry(patient.test, patient.squares), _per_entry(patient.train, _train_squares(patient))]
        base, name = _baseline(patient)
        if not own[1].sum() or not base[1].sum():
            return self.skipped(
                "the training rows are reconstructed without any error, so there is no ratio to form."
            )
        gap = ratio_of_samples(own[0], own[1], generator)
        excess = excess_gap((own[0], base[0]), (own[1], base[1]), generator)
        scale = float(_per_entry(patient.test, patient.mean_squares).mean())
        cost = cost_of_gap(own[0], own[1], max(scale, 1e-300), generator)
        rows = len(own[0])
        evidence = {
            "gap": Measure(
                gap.value,
                "held-out error in units of the training error",
                gap.low,
                gap.high,
                rows,
                float(base[0].mean() / base[1].mean()),
                f"the same of {name}",
            ),
            "excess": Measure(
                excess.value,
                f"that gap in units of the gap of {name}",
                excess.low,
                excess.high,
                rows,
                1.0,
                f"as much harder as for {name}",
            ),
            "cost": Measure(
                cost.value,
                "what held-out rows lose by the gap, as a share of their variance",
                cost.low,
                cost.high,
                rows,
                0.0,
                "equal errors on both",
            ),
        } | _memory(patient, generator)
        turned = _turned(patient)
        if turned is not None:
            evidence["validation_rise"] = turned
        return self._verdict(patient, gap, excess, cost, evidence, own, name)

    def _verdict(
        self,
        patient: Patient,
        gap: Interval,
        excess: Interval,
        cost: Interval,
        evidence: dict[str, Measure],
        errors: list[NDArray[np.float64]],
        name: str,
    ) -> Finding:
        severity = "ok"
        if excess.above(FAILURE) and cost.above(FAILURE_COST):
            severity = "failure"
        elif (excess.above(WARNING) and cost.above(WARNING_COST)) or "validation_rise" in evidence:
            severity = "warning"
        pictures = [_picture(errors)]
        size = f"{_times(gap.value)} times" if gap.value >= 1.05 else "not above"
        if severity == "ok":
            return self.finding(
                "ok",
                f"The held-out error is {size} the training error, as it may be: "
                f"{_times(excess.value)} times the gap of {name}",
                evidence,
                "A model that learned by heart would do much worse on rows that it has not seen.",
                pictures=pictures,
            )
        title = (
            f"The held-out error is {_times(gap.value)} times the training error, "
            f"{_times(excess.value)} times the gap of {name}"
        )
        if not excess.above(WARNING):
            title = "The validation loss rose again before the training ended, and the last weights were kept"
        return self.finding(
            "failure" if severity == "failure" else "warning",
            title,
            evidence,
            "Errors on the training rows promise more than new rows get, and codes of new rows are less true than "
            "those of the training rows.",
            *_remedies(patient, errors),
            pictures=pictures,
        )


def _times(value: float) -> str:
    return f"{value:.1f}" if value < 100 else "over 100"


def _per_entry(rows: Rows, squares: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) mean squared error over the known entries of each row that has any."""
    counts = rows.counts()
    return np.asarray(squares.sum(axis=1)[counts > 0] / counts[counts > 0])


def _train_squares(patient: Patient) -> NDArray[np.float64]:
    return patient.train.squares(patient.train_reconstruction)


def _baseline(patient: Patient) -> tuple[list[NDArray[np.float64]], str]:
    """Errors of PCA on held-out and training rows, or of the mean where PCA leaves none.

    PCA has the size of the code, or fewer directions where rows are few: with many it learns them by heart itself.
    """
    train, test = patient.train, patient.test
    mean = _per_entry(train, train.squares(patient.baselines.mean[None]))
    size = max(1, min(len(patient.baselines.components), train.total // ROWS_A_DIRECTION))
    pca = _pca(patient, size)
    if pca[1].mean() > ROUNDING * mean.mean():
        same = size == len(patient.baselines.components)
        return pca, "PCA of the same size" if same else f"PCA with {size} direction{'s' * (size != 1)}"
    return [_per_entry(test, patient.mean_squares), mean], "the mean predictor"


def _pca(patient: Patient, size: int) -> list[NDArray[np.float64]]:
    """Errors of PCA with ``size`` directions on held-out and training rows."""
    baselines = patient.baselines.truncated(size)
    return [
        _per_entry(rows, rows.squares(baselines.pca_reconstruction(rows.x, rows.known)))
        for rows in (patient.test, patient.train)
    ]


def _gap(errors: list[NDArray[np.float64]]) -> float:
    """Held-out error in units of the training error."""
    learned = float(errors[1].mean())
    return float(errors[0].mean()) / learned if learned else np.inf


def _memory(patient: Patient, generator: np.random.Generator) -> dict[str, Measure]:
    """How often held-out reconstructions lie nearer to a training row than to their own, beside training rows' own.

    Nothing where entries are unknown.
    """
    if patient.test.known is not None or patient.train.known is not None:
        return {}
    among = patient.train.x[:AMONG]
    shares = []
    for rows, outputs in (
        (patient.test, patient.reconstruction),
        (patient.train, patient.train_reconstruction),
    ):
        x, answers = rows.x[:ASKING], outputs[:ASKING]
        distances = pairwise_distances(answers, among)
        if rows is patient.train:
            np.fill_diagonal(
                distances, np.inf
            )  # the first rows of both are the same: no row is its own neighbor
        own = np.linalg.norm(answers - x, axis=1)
        shares.append((distances.min(axis=1) < own * (1 - 1e-6)).astype(np.float64))
    share = mean(shares[0], generator)
    return {
        "nearer_to_training": Measure(
            share.value,
            "share of held-out reconstructions that lie nearer to a training row than to their own row",
            share.low,
            share.high,
            len(shares[0]),
            float(shares[1].mean()),
            "the same of training rows, each among the others",
        )
    }


def _turned(patient: Patient) -> Measure | None:
    """How far the validation loss rose again, where it did and the last weights were kept."""
    model = patient.model
    if model is None or model.part("training").patience is not None:
        return None
    losses = [record["validation_loss"] for record in model.history_ if "validation_loss" in record]
    if len(losses) < 3:
        return None
    best = min(losses)
    rise = losses[-1] - best
    if rise <= TURNED * max(losses[0] - best, 0.0) or rise <= TURNED * abs(best):
        return None
    return Measure(
        float(rise / abs(best)) if best else float("inf"),
        f"rise of the validation loss after epoch {losses.index(best) + 1}, in its smallest value",
        n=len(losses),
        against=0.0,
        null="the smallest validation loss",
    )


def _remedies(patient: Patient, errors: list[NDArray[np.float64]]) -> list[Remedy]:
    more = Remedy("Train on more rows: nothing else helps as much.")
    if patient.model is None:
        noisy = Remedy("Damage the inputs in training, stop earlier, or use fewer and smaller hidden layers.")
        return [noisy, more]
    model = patient.model
    training = model.part("training")
    linear = _linear(patient, model, errors)
    few = patient.train.total < ROWS_A_DIRECTION * patient.code_size
    found = [*(linear if few else ()), *_smaller_code(patient, model)]
    if training.patience is None:
        patience = max(10, training.max_epochs // 4)
        fraction = training.validation_fraction or 0.1
        patch = {"training__validation_fraction": fraction, "training__patience": patience}
        found.append(Remedy("Stop when rows that are held out stop getting better.", patch))
    if model.corruption is None:
        found.append(_damage(model, errors))
    if any(isinstance(item, WeightDecay) for item in model.penalties):
        penalties = tuple(
            WeightDecay(STRONGER * item.weight) if isinstance(item, WeightDecay) else item
            for item in model.penalties
        )
        text = f"Ask for smaller weights still: {STRONGER:g} times the weight of the decay."
        found.append(Remedy(text, {"penalties": penalties}))
    else:
        # As many nats as the gap costs, shared over matrices of the size that they have now.
        penalties = (*model.penalties, WeightDecay(_weight(model, patient, errors)))
        found.append(Remedy("Ask for small weights.", {"penalties": penalties}))
    hidden = getattr(model.part("architecture"), "hidden", ())
    if hidden:
        halves = tuple(max(1, size // 2) for size in hidden)
        smaller: dict[str, Any] = {"architecture__hidden": halves}
        if getattr(model.part("architecture"), "decoder_hidden", None):
            smaller["architecture__decoder_hidden"] = None
        found.append(Remedy("Halve the hidden layers.", smaller))
    return [*found, *(() if few else linear), more]


def _linear(patient: Patient, model: Autoencoder, errors: list[NDArray[np.float64]]) -> list[Remedy]:
    """PCA by training, of the most directions whose gap is no warning, where it does better than the model.

    Rows that are too few for a network may still tell of directions.
    """
    if not isinstance(model.part("architecture"), Dense) or type(model.part("code")) is not Deterministic:
        return []
    if model.penalties or not isinstance(model.network_.parts.loss, BinaryCrossEntropy | SquaredError):
        return []
    allowed = WARNING * _gap(_baseline(patient)[0])
    most = min(len(patient.baselines.components), patient.features // 2)  # more of them might copy
    # With more directions the error falls and the gap grows.
    size = bisect_right(range(1, most + 1), allowed, key=lambda size: _gap(_pca(patient, size)))
    pca = _pca(patient, size)
    if not size or pca[0].mean() >= errors[0].mean():
        return []
    text = (
        f"Use one linear layer on either side of a code of {size} unit{'s' * (size != 1)}, from the principal "
        f"directions: PCA of {patient.train.total:,} rows has {pca[0].mean() / errors[0].mean():.2g} of the held-out "
        "error of this network, and hardly a gap."
    )
    # From random weights an encoder would keep them in all directions that so few rows do not tell of.
    patch = resized(model, size) | {
        "architecture": Dense(hidden=()),
        "loss": "mse",
        "training__initial_weights": "pca",
        "training__learning_rate": peak_rate(model.part("training")) / 10,
    }
    return [Remedy(text, patch)]


def _smaller_code(patient: Patient, model: Autoencoder) -> list[Remedy]:
    """Where a plain code has room for much more than the data, which is learned by heart."""
    units = ample_units(patient)
    if units is None or type(model.part("code")) is not Deterministic or model.penalties:
        return []
    if patient.code_size <= ROOMY * units:
        return []
    text = f"Give the code {units} units instead of {patient.code_size}, which still leaves the data room to spare."
    return [Remedy(text, resized(model, units))]


def _damage(model: Autoencoder, errors: list[NDArray[np.float64]]) -> Remedy:
    if model.network_.parts.loss.on_logits:
        return Remedy("Hide some entries of the inputs in training.", {"corruption": Masking(0.2)})
    std = float(f"{np.sqrt(errors[0].mean()):.2g}")
    text = "Add noise to the inputs in training, of the size of the held-out errors."
    return Remedy(text, {"corruption": GaussianNoise(std)})


def _weight(model: Autoencoder, patient: Patient, errors: list[NDArray[np.float64]]) -> float:
    """Of weight decay, so that it costs what the gap does: half the sum of squares against nats a row."""
    squares = sum(
        float(value.detach().square().sum()) for value in model.network_.parameters() if value.ndim > 1
    )
    gap = 0.5 * patient.features * max(float(errors[0].mean() - errors[1].mean()), 0.0)
    return float(f"{max(gap / max(0.5 * squares, 1e-12), 1e-6):.1g}")


def _picture(errors: list[NDArray[np.float64]]) -> Picture:
    logarithms = {
        words: np.log10(np.maximum(values, 1e-12))
        for words, values in (("training rows", errors[1]), ("held-out rows", errors[0]))
    }
    caption = "Errors row by row. The two lie on each other where nothing was learned by heart."
    return Picture("histogram", logarithms, caption, axes=("log10 of the mean squared error", "rows"))
