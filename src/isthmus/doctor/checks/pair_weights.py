"""Are relations between rows over- or under-weighted against the data?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np

from isthmus import spec
from isthmus.doctor.check import Check
from isthmus.doctor.finding import Measure, Picture, Remedy
from isthmus.doctor.statistics import neighborhoods
from isthmus.doctor.statistics.intervals import Interval, mean, of_sums, quotient, share_explained
from isthmus.penalties.balanced import BalancedPenalty

if TYPE_CHECKING:
    from isthmus.doctor.finding import Finding
    from isthmus.doctor.patient import Patient
    from isthmus.doctor.statistics.relations import Losses
    from isthmus.estimator import Autoencoder

#: Shares of what PCA of the same size explains, below which data are lost, and below which much of them is. Half and
#: four fifths: an autoencoder with hidden layers explains more than PCA when nothing else is asked.
FAILURE, WARNING = 0.5, 0.8
#: Share of the data's loss that must come back in the short training with a smaller weight, for the relations to be to
#: blame.
BLAME = 0.02
#: Pull of the relations beside that of the data, below which they hardly take part: a tenth.
WEAK = 0.1
#: Share of neighbors that codes must keep beyond PCA's for the relations to have been of use.
USE = 0.02
#: Weights of the short trainings are the model's own, this many times as much, and at most a part of so many.
TIMES = 3.0
#: Rows whose pulls, losses and neighbors are looked at.
ROWS = 768
#: Neighbors of a row; a tenth of the rows where there are few.
NEIGHBORS = 10
#: Structure that PCA has to find for its errors to say anything.
STRUCTURE = 0.05


class PairWeights(Check):
    """Whether data and relations were both learned, and how either would change with the weight.

    Held-out rows are asked how well they are reconstructed and how many of their nearest neighbors are nearest in the
    code as well, each beside PCA of the same size. Copies of the network then go on with their training for some steps
    at a smaller weight, at the model's own and at three times as much, with the same batches and the same random
    numbers: only what returns at the smaller weight was lost to the relations. It is a third, or less where relations
    pull so much harder that a third would still outweigh the data. Gradients alone would not say it, since at the end
    of a training the two pulls cancel whatever the weight is; but where relations hardly pull at all, their weight is
    too small.

    References: neighborhoods as a measure: Venna and Kaski (2001), ICANN (trustworthiness); balances of gradients:
    Chen et al. (2018), arXiv:1711.02257, section 3.1.
    """

    code: ClassVar[str] = "pair-weights"
    question: ClassVar[str] = "Are relations over- or under-weighted against the data?"
    needs: ClassVar[frozenset[str]] = frozenset({"model"})
    order: ClassVar[int] = 80

    def obstacles(self, patient: Patient) -> Iterator[str]:
        yield from super().obstacles(patient)
        if patient.model is None:
            return
        found = [one for one in patient.model.network_.parts.penalties if isinstance(one, BalancedPenalty)]
        if not found:
            yield "the model asks for no relations between rows: it has no Relational or Generalized penalty."
        elif not any(penalty.weight for penalty in found):
            yield "all relations have a weight of 0, so they take no part."
        elif any(map(_by_labels, found)) and not patient.has("labels"):
            yield "its relations are those of labels, and there are none: give y_train and y_test."
        elif _all_by_labels(patient.model) and len(_labeled(patient)) < self.least_rows:
            yield f"fewer than {self.least_rows} rows have a label."

    def run(self, patient: Patient) -> Finding:
        from isthmus.doctor.statistics.relations import pulls

        generator = patient.generator(self.code)
        found = _Found.of(patient, generator)
        model = cast("Autoencoder", patient.model)
        pull, angle = pulls(patient, model.network_, ROWS)
        multiples = (1 / max(TIMES, min(pull, 1e6)), 1.0, TIMES)
        trials = _trials(patient, model, multiples, generator)
        returns = share_explained(trials[0].data, trials[1].data, generator)
        verdict = _verdict(found, returns, pull)
        severity, title, why = _TEXTS[verdict]
        numbers = {
            "explained": 100 * found.explained.value,
            "pca": 100 * found.pca.value,
            "kept": 100 * found.kept.value,
            "pca_kept": 100 * found.pca_kept.value,
            "returns": 100 * returns.value,
            "pull": pull,
            "part": 1 / multiples[0],
        }
        evidence = {
            **found.evidence(),
            "pull": Measure(
                pull,
                "length of the relations' gradient in that of the data's, where they meet",
                n=len(trials[0].data),
                against=1.0,
                null="both pull equally hard",
            ),
            "angle": Measure(
                angle,
                "cosine between the two gradients",
                against=0.0,
                null="neither helps nor hurts the other",
            ),
            "returns_at_less": _measure(
                returns,
                f"share of the data's loss that a short training at {multiples[0]:.2g} times the weight takes off",
                len(trials[0].data),
                0.0,
                "the same training at the same weight",
            ),
            "data_loss_by_weight": _by_weight(multiples, [trial.data.mean() for trial in trials]),
            "relation_loss_by_weight": _by_weight(multiples, [trial.relations.mean() for trial in trials]),
            "weights": _weights(model),
        }
        return self.finding(
            severity,  # type: ignore[arg-type]
            title.format(**numbers),
            evidence,
            why,
            *_remedies(model, verdict, pull),
            pictures=[_picture(multiples, trials)],
        )


@dataclass(frozen=True, eq=False)
class _Found:
    """What of the data and of the relations was learned, beside PCA.

    share : of what PCA explains. more : neighbors kept beyond PCA's. what : the neighbors are. rows, near_rows : looked
    at for the data and for the neighbors.
    """

    explained: Interval
    pca: Interval
    share: Interval
    kept: Interval
    pca_kept: Interval
    more: Interval
    trust: float
    pca_trust: float
    what: str
    rows: int
    near_rows: int

    @classmethod
    def of(cls, patient: Patient, generator: np.random.Generator) -> _Found:
        from sklearn.manifold import trustworthiness

        errors, pca_errors, mean_errors = (
            squares.sum(axis=1) for squares in (patient.squares, patient.pca_squares, patient.mean_squares)
        )
        share = of_sums(
            np.stack([mean_errors - errors, mean_errors - pca_errors], axis=1),
            lambda sums: quotient(sums[..., 0], sums[..., 1]),
            generator,
        )
        by_labels = _all_by_labels(cast("Autoencoder", patient.model))
        rows = (_labeled(patient) if by_labels else np.arange(len(patient.test)))[:ROWS]
        x, known = patient.test.x[rows], None if patient.test.known is None else patient.test.known[rows]
        codes = patient.codes[rows], patient.baselines.pca_codes(x, known)
        k = max(1, min(NEIGHBORS, len(rows) // 10))
        apart = neighborhoods.distances(x, known)
        if by_labels:
            labels = np.asarray(patient.test.labels)[rows]
            own, others = (neighborhoods.alike(labels, z, k) for z in codes)
            what = f"share of the {k} nearest codes whose rows have the row's own label"
        else:
            near = neighborhoods.nearest(apart, k)
            own, others = (neighborhoods.kept(near, z) for z in codes)
            what = f"share of the {k} nearest rows that are among the {k} nearest in the code"
        trust, pca_trust = (
            float(trustworthiness(apart, z, n_neighbors=k, metric="precomputed")) for z in codes
        )
        return cls(
            share_explained(errors, mean_errors, generator),
            share_explained(pca_errors, mean_errors, generator),
            share,
            mean(own, generator),
            mean(others, generator),
            mean(own - others, generator),
            trust,
            pca_trust,
            what,
            len(errors),
            len(rows),
        )

    def evidence(self) -> dict[str, Measure]:
        """The three measures, each beside PCA."""
        return {
            "explained_variance": _measure(
                self.explained,
                "share of the variance that reconstructions explain",
                self.rows,
                self.pca.value,
                "PCA of the same code size",
            ),
            "neighbors_kept": _measure(
                self.kept, self.what, self.near_rows, self.pca_kept.value, "codes of PCA of the same size"
            ),
            "trustworthiness": Measure(
                self.trust,
                "trustworthiness of the neighborhoods of codes",
                n=self.near_rows,
                against=self.pca_trust,
                null="codes of PCA of the same size",
            ),
        }


_DATA = "{explained:.0f} % of the variance is explained, PCA of the same size explains {pca:.0f} %"
_LESS = "1/{part:.0f} of the weight takes {returns:.0f}"
_NEAR = "codes keep {kept:.0f} % of the neighbors, PCA's {pca_kept:.0f} %"
#: Severity, title and reason by verdict.
_TEXTS = {
    "lost": (
        "failure",
        f"The data are lost to the relations: {_DATA}, and a short training at {_LESS} % off the loss",
        "Codes that only tell which rows are near say little about what a row is.",
    ),
    "heavy": (
        "warning",
        f"Relations cost much of the data: {_DATA}, and a short training at {_LESS} % off the loss",
        "Reconstructions are worse than they need to be. That is right where codes are for relations only.",
    ),
    "ignored": (
        "warning",
        f"Relations are ignored: they pull {{pull:.2g}} times as hard as the data, and {_NEAR}",
        "The penalty costs time in every step and changes nothing: its weight is too small for the unit of the data.",
    ),
    "unused": (
        "info",
        f"Relations pull {{pull:.2g}} times as hard as the data, but codes are no nearer to them than PCA's: {_NEAR}",
        "Where a code has room for most of the data, neighbors are kept anyway, and the penalty has little to add.",
    ),
    "other": (
        "info",
        f"The data are explained worse than by PCA, but not for the relations: {_DATA}",
        "A smaller weight of theirs hardly changes the loss, so the cause is elsewhere; see the other findings.",
    ),
    "balanced": (
        "ok",
        f"Data and relations are both learned: {_DATA}, and {_NEAR}",
        "Relations that are too heavy would cost the data, and too light ones would keep no neighbors.",
    ),
}


def _verdict(found: _Found, returns: Interval, pull: float) -> str:
    if found.pca.value >= STRUCTURE and found.share.below(WARNING):
        if not returns.above(BLAME):
            return "other"
        return "lost" if found.share.below(FAILURE) else "heavy"
    if found.more.above(0.0) and found.more.value >= USE:
        return "balanced"
    return "ignored" if pull < WEAK and found.more.below(USE) else "unused"


def _measure(interval: Interval, what: str, n: int, against: float, null: str) -> Measure:
    return Measure(interval.value, what, interval.low, interval.high, n, against, null)


def _by_labels(penalty: object) -> bool:
    return getattr(penalty, "relation", None) == "labels"


def _all_by_labels(model: Autoencoder) -> bool:
    penalties = model.network_.parts.penalties
    return all(_by_labels(one) for one in penalties if isinstance(one, BalancedPenalty) and one.weight)


def _labeled(patient: Patient) -> Any:
    """Rows that have a label."""
    labels = np.asarray(patient.test.labels, dtype=np.float64)
    return np.flatnonzero(labels >= 0 if patient.classes is not None else np.isfinite(labels))


def _trials(
    patient: Patient, model: Autoencoder, multiples: tuple[float, ...], generator: np.random.Generator
) -> list[Losses]:
    """One short training for each of the weights, alike in all but the weight."""
    from isthmus.doctor.statistics.relations import continued

    seed = int(generator.integers(2**31))
    # A third of the model's own rate, which its schedule has brought down by the end.
    rate = (model.part("training").learning_rate or 1e-3) / 3
    return [
        continued(patient, model.network_, multiple, learning_rate=rate, seed=seed, limit=ROWS)
        for multiple in multiples
    ]


def _by_weight(multiples: tuple[float, ...], values: list[Any]) -> dict[str, float]:
    return {f"{times:.2g} times": float(value) for times, value in zip(multiples, values, strict=True)}


def _weights(model: Autoencoder) -> dict[str, dict[str, float]]:
    """What each penalty on relations is multiplied by."""
    network = model.network_
    return {
        f"{type(one).__name__} at {place}": one.report(network.penalty_state(place))
        for place, one in enumerate(network.parts.penalties)
        if isinstance(one, BalancedPenalty)
    }


def _remedies(model: Autoencoder, verdict: str, pull: float) -> Iterator[Remedy]:
    """Weights that are balanced while training goes on where they were not; then others, sized by what was found."""
    fixed = any(isinstance(one, BalancedPenalty) and one.balance == "fixed" for one in model.penalties)
    if verdict in ("lost", "heavy"):
        if fixed:
            yield Remedy(
                "Balance the weight while training goes on: then relations pull half as hard as the data in any unit.",
                {"penalties": _changed(model, weight=0.5)},
            )
        divisor = max(10.0 if verdict == "lost" else 3.0, 2 * min(pull, 1e6))
        yield Remedy(
            f"Take 1/{divisor:.0f} of the weight.", {"penalties": _changed(model, times=1 / divisor)}
        )
        yield Remedy(
            "Take a larger code, so that there is room for both.", {"code__size": 2 * model.code_size_}
        )
    if verdict == "ignored":
        if fixed:
            yield Remedy(
                "Balance the weight while training goes on, so that relations pull as hard as the data in any unit.",
                {"penalties": _changed(model, weight=1.0)},
            )
        times = float(np.clip(1 / max(pull, 1e-6), 3.0, 1e6))
        yield Remedy(
            f"Take {times:.3g} times the weight, so that both pull equally hard.",
            {"penalties": _changed(model, times=times)},
        )
    if verdict in ("ignored", "unused"):
        others = tuple(spec.clone(one) for one in model.penalties if not isinstance(one, BalancedPenalty))
        yield Remedy("Leave the relations out; training is faster without.", {"penalties": others})


def _changed(model: Autoencoder, *, weight: float | None = None, times: float = 1.0) -> tuple[Any, ...]:
    """Copies of the penalties, relations with another weight; balanced ones where ``weight`` is given."""
    found = []
    for penalty in map(spec.clone, model.penalties):
        if isinstance(penalty, BalancedPenalty):
            penalty.weight = penalty.weight * times if weight is None else weight
            penalty.balance = penalty.balance if weight is None else "auto"
        found.append(penalty)
    return tuple(found)


def _picture(multiples: tuple[float, ...], trials: list[Losses]) -> Picture:
    """Both losses by weight, as multiples of what they are at the model's own."""
    series = {}
    for name in ("data", "relations"):
        losses = np.array([getattr(trial, name).mean() for trial in trials])
        series[name] = quotient(losses, losses[1])
    return Picture(
        "curves",
        series,
        "Held-out losses after a short training at other weights of the relations, each divided by the one at the "
        "model's own weight. A curve of the data that rises steeply says that relations are paid for by the data.",
        x=np.array(multiples),
        axes=("multiple of the weight", "multiple of the loss"),
        marks={"the model's own weight": 1.0},
    )
