"""Does a variational code carry information?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from isthmus.doctor.check import Check
from isthmus.doctor.finding import Measure, Picture, Remedy
from isthmus.doctor.statistics.intervals import Interval, mean, share_explained
from isthmus.doctor.statistics.posterior import divergences, information, posteriors, without_posterior
from isthmus.losses.squared_error import SquaredError
from isthmus.priors.standard_normal import StandardNormal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from isthmus.doctor.finding import Finding, Severity
    from isthmus.doctor.patient import Patient

#: Variance of a unit's posterior mean above which it is active (Burda et al. 2016, section 5.2 and appendix C).
ACTIVE = 0.01
#: Active units in the directions that PCA needs, below which nearly all, or many, have collapsed. Half: curved data may
#: need fewer units than flat directions, and seldom fewer than half.
FAILURE, WARNING = 0.25, 0.5
#: Share of the error that a row's own code must save for the decoder to be reading it.
READS = 0.1
#: What PCA has to explain for the data to be worth a code, and the share of it that counts its directions.
STRUCTURE, COUNTED = 0.05, 0.9
#: Rows of which the information is estimated: pairs of them are compared.
PAIRED = 1_000


class PosteriorCollapse(Check):
    """Units whose posterior is the prior whatever the row: they say nothing, and their divergence is 0.

    How many are active is compared with how many directions PCA needs for most of what it explains at this code size,
    since a code that is larger than the data ask for rightly leaves units to the prior. Information between row and
    code stands beside its bound for so many rows, and beside what the code's divergence costs.
    """

    code: ClassVar[str] = "posterior-collapse"
    question: ClassVar[str] = "Does a variational code carry information?"
    order: ClassVar[int] = 18

    def obstacles(self, patient: Patient) -> Iterator[str]:
        yield from super().obstacles(patient)
        yield from without_posterior(patient, "it has no posterior that could collapse.")

    def run(self, patient: Patient) -> Finding:
        state = _examined(patient, patient.generator(self.code))
        severity = state.severity
        return self.finding(
            severity,
            state.title(severity),
            state.evidence(patient),
            "A unit whose posterior is the prior holds noise. Codes of such a model say little about a row, and "
            "samples drawn from it differ little from the average.",
            *(_remedies(patient, state) if severity != "ok" else ()),
            pictures=_pictures(state),
        )


@dataclass(frozen=True, eq=False)
class _State:
    """variances, nats : (code,) of each unit's posterior mean, and its divergence (None without a closed form)."""

    variances: NDArray[np.float64]
    nats: NDArray[np.float64] | None
    told: Interval
    paired: int
    gain: Interval
    explained: Interval
    possible: Interval
    needed: int
    rows: int

    @property
    def active(self) -> int:
        return int((self.variances > ACTIVE).sum())

    @property
    def size(self) -> int:
        return len(self.variances)

    @property
    def severity(self) -> Severity:
        if self.possible.value < STRUCTURE:
            return "ok" if self.active == self.size else "info"
        if not self.active or self.gain.below(READS) or self.active < FAILURE * self.needed:
            return "failure"
        if self.active < WARNING * self.needed:
            return "warning"
        return "ok" if self.active == self.size else "info"

    def title(self, severity: Severity) -> str:
        counted = f"{self.active} of {self.size} code units carry information"
        if self.possible.value < STRUCTURE:
            return f"{counted}; PCA of this size explains next to nothing either, so there is little to say"
        if severity == "ok":
            return f"All {self.size} code units carry information: {self.told.value:.1f} nats a row"
        if severity == "info":
            return f"{counted}, about as many as the data ask for (PCA: {self.needed}); the rest are left to the prior"
        if not self.active:
            return (
                f"The posterior has collapsed: none of the {self.size} code units says anything about a row"
            )
        if self.active < WARNING * self.needed:
            return f"Only {counted}, where PCA needs {self.needed} directions"
        return f"{counted}, but the decoder hardly reads them: a row's own code saves {_percent(self.gain.value)}"

    def evidence(self, patient: Patient) -> dict[str, Any]:
        found: dict[str, Any] = {
            "active_units": Measure(
                float(self.active),
                f"units whose posterior mean varies by more than {ACTIVE:g}",
                n=self.rows,
                against=float(self.needed),
                null=f"directions with which PCA explains {_percent(COUNTED)} of what it does at this code size",
            ),
            "information": Measure(
                self.told.value,
                "information between row and code, nats a row (Monte Carlo)",
                self.told.low,
                self.told.high,
                self.paired,
                float(np.log(self.paired)),
                "its largest value for so many rows, where every code tells its row from all others",
            ),
            "swap_gain": Measure(
                self.gain.value,
                "share of the error with swapped codes that each row's own code saves",
                self.gain.low,
                self.gain.high,
                self.rows,
                0.0,
                "a decoder that does not read its code",
            ),
            "explained_variance": Measure(
                self.explained.value,
                "share of the variance that reconstructions explain",
                self.explained.low,
                self.explained.high,
                self.rows,
                self.possible.value,
                "PCA of the same code size",
            ),
            "variance_of_means": self.variances,
        }
        if self.nats is not None:
            found["divergence"] = Measure(
                float(self.nats.sum()),
                "divergence of posterior and prior, nats a row",
                n=self.rows,
                against=0.0,
                null="all units collapsed",
            )
            found["divergence_of_units"] = self.nats
        return found


def _examined(patient: Patient, generator: np.random.Generator) -> _State:
    center, log_var = posteriors(patient, patient.test.x)
    model = patient.model
    standard = model is not None and isinstance(model.network_.parts.code.prior, StandardNormal)  # type: ignore[attr-defined]
    paired = min(len(center), PAIRED)
    errors, mean_errors = patient.squares.sum(axis=1), patient.mean_squares.sum(axis=1)
    swapped = patient.decode(patient.codes[generator.permutation(len(center))])
    return _State(
        variances=center.var(axis=0),
        nats=divergences(center, log_var).mean(axis=0) if standard else None,
        told=mean(information(center[:paired], log_var[:paired], generator), generator),
        paired=paired,
        gain=share_explained(errors, patient.test.squares(swapped).sum(axis=1), generator),
        explained=share_explained(errors, mean_errors, generator),
        possible=share_explained(patient.pca_squares.sum(axis=1), mean_errors, generator),
        needed=_directions(patient),
        rows=len(center),
    )


def _directions(patient: Patient) -> int:
    """Directions with which PCA explains most of what it does with all it has at this code size."""
    baselines = patient.baselines
    codes = baselines.pca_codes(patient.test.x, patient.test.known).astype(np.float64)
    explained = np.cumsum((codes**2).sum(axis=0))
    if not len(explained) or explained[-1] <= 0:
        return 1
    return int(np.searchsorted(explained, COUNTED * explained[-1]) + 1)


def _remedies(patient: Patient, state: _State) -> list[Remedy]:
    if patient.model is None:
        return []
    code, training = patient.model.part("code"), patient.model.part("training")
    smaller = Remedy(
        "Take a smaller code: the units left to the prior cost nothing in the objective and say nothing.",
        {"code__size": max(state.active, 1)},
    )
    if state.severity == "info":
        return [smaller] if state.active else []
    found = []
    if code.beta > 0:
        beta = _lighter(patient, code.beta)
        found.append(
            Remedy(
                f"Weigh the divergence from the prior less ({beta:.2g} instead of {code.beta:.2g}): it costs more than "
                "what a code saves in reconstruction.",
                {"code__beta": beta},
            )
        )
    if code.warm_up < 0.5:
        text = "Let that weight rise from 0 during half of the training, so that codes are read before they cost."
        found.append(Remedy(text, {"code__warm_up": 0.5}))
    slower = {"training__max_epochs": 2 * training.max_epochs}
    if training.learning_rate is not None:
        slower["training__learning_rate"] = training.learning_rate / 3
    found.append(Remedy("Train longer, with a smaller learning rate.", slower))
    return found


def _lighter(patient: Patient, beta: float) -> float:
    """A weight at which codes pay: a tenth, or the variance that PCA leaves where the loss is a unit variance's.

    With squared errors beta is the decoder's variance, and a direction is encoded only where the data's variance along
    it is larger (Lucas et al. 2019, "Don't blame the ELBO!", section 4): the variance left over is the likeliest.
    """
    model = patient.model
    lighter = min(beta / 10, 1.0)  # 1 is the bound on the likelihood itself
    if model is not None and isinstance(model.network_.parts.loss, SquaredError):
        left = float(patient.pca_squares.sum() / max(patient.test.counts().sum(), 1.0))
        if left > 0:
            lighter = min(lighter, left)
    return float(f"{max(lighter, 1e-6):.2g}")


def _pictures(state: _State) -> list[Picture]:
    order = np.argsort(-state.variances, kind="stable")
    units = [f"unit {place}" for place in order]
    pictures = [
        Picture(
            "bars",
            {"variance of the posterior mean": state.variances[order]},
            f"How much each unit's posterior mean varies between rows. Below {ACTIVE:g} a unit says nothing.",
            names=units,
            marks={"active above": ACTIVE},
        )
    ]
    if state.nats is not None:
        pictures.append(
            Picture(
                "bars",
                {"divergence, nats a row": state.nats[order]},
                "What each unit's posterior costs. A unit at 0 is the prior whatever the row.",
                names=units,
            )
        )
    return pictures


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
