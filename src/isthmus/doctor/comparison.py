"""Whether a changed model is kept: its findings and its held-out errors beside those of the model before."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.doctor.finding import SEVERITIES, Measure
from isthmus.doctor.statistics.intervals import Interval, of_sums, quotient, ratio
from isthmus.estimator import event_scale_of
from isthmus.inference import reconstructed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from isthmus.doctor.finding import Finding
    from isthmus.doctor.report import Report
    from isthmus.estimator import Autoencoder

    Errors = NDArray[np.float64]

#: Held-out error over that of the model before, above which a model is worse if it surely is larger at all. A model
#: trained anew from another seed differs by less on the data of the tests, so that none is refused for its luck.
TOLERANCE = 1.05
#: Findings that say that the held-out error is larger than it need be: what does not lower it is no cure.
ABOUT_ERROR = frozenset({"overfit", "underfit", "worse-than-pca", "mean-collapse", "code-too-small"})
#: Findings whose cure is paid for in squared error: models that copy, codes that say more than they need to, and
#: relations or priors that a squared error overrules. For the others a larger error is no cure, but after another
#: scaling: features that a squared error overruled for their small unit are paid for as well.
PAID_IN_ERROR = frozenset(
    {
        "identity-copy",
        "partial-collapse",
        "code-too-large",
        "redundant-code",
        "manifold-holes",
        "prior-mismatch",
        "pair-weights",
        "blur",
    }
)
#: Held-out error over that of the model before, surely below which a model is another one: what is wrong with it could
#: not be seen of one that had learned so little.
HALVED = 0.5
#: Share of the variance that such a cure may cost, unless what is left is as good as PCA of the new code's size.
PRICE = 0.1


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether a treatment is kept, and why.

    Parameters
    ----------
    accepted : kept. reason : in words. worse : codes of other findings that became worse.
    gone : whether the finding that was treated is. costly : the held-out error became too large.
    """

    accepted: bool
    reason: str
    gone: bool
    worse: tuple[str, ...] = ()
    costly: bool = False


class Comparison:
    """Held-out errors of the same rows before and after a treatment, in one unit, see :func:`held_out_errors`.

    Parameters
    ----------
    before, after : (n, 3) errors of each row. generator : of the resampling.
    rescaled : the same in the unit that the changed model was trained in, where that is another one, so that in the
        old unit it need not be better.
    """

    def __init__(
        self,
        before: Errors,
        after: Errors,
        generator: np.random.Generator,
        *,
        rescaled: Comparison | None = None,
    ) -> None:
        known = np.isfinite(before).all(axis=1) & np.isfinite(after).all(axis=1)
        self.before = before[known, 0]
        self.after, self._mean, self._pca = after[known].T
        self._generator = generator
        self.rescaled = rescaled

    @cached_property
    def ratio(self) -> Interval:
        """The sum of the errors after over that before, with its interval over the rows."""
        if self.before.any():
            return ratio(self.after, self.before, self._generator)
        value = np.inf if self.after.any() else 1.0
        return Interval(value, value, value)

    @property
    def worse(self) -> bool:
        """True where the errors surely grew, by more than what is tolerated as far as the rows say."""
        return self.ratio.above(1) and self.ratio.value > TOLERANCE

    @property
    def halved(self) -> bool:
        """True where the errors surely fell to less than half of what they were, in the unit of the changed model."""
        return (self.rescaled or self).ratio.below(HALVED)

    @cached_property
    def affordable(self) -> bool:
        """True unless the model surely gave up too much of the variance and is surely worse than PCA of its size."""
        given_up = of_sums(
            np.stack([self.after, self.before, self._mean], axis=1),
            lambda sums: quotient(sums[..., 0] - sums[..., 1], sums[..., 2]),
            self._generator,
        )
        if not given_up.above(PRICE):
            return True
        return bool(self._pca.any()) and not ratio(self.after, self._pca, self._generator).above(1)

    def measure(self) -> Measure:
        """The ratio as a report has it."""
        found = self.ratio
        what = "held-out squared error over that of the model before"
        return Measure(found.value, what, found.low, found.high, len(self.after), 1.0, "no change")

    def words(self) -> str:
        """The ratio in words."""
        found = self.ratio
        return f"held-out error is {found.value:.3g} of what it was [{found.low:.3g}, {found.high:.3g}]"


def judged(code: str, before: Report, after: Report, errors: Comparison) -> Verdict:
    """Whether a treatment of the finding ``code`` is kept.

    It is where that finding is gone (its question may no longer arise), no other finding is worse, and the held-out
    error is no larger than the finding allows. What was not answered before, or of a model of twice the error, and now
    is less harmful than what is gone was not caused but uncovered: it is the next to be treated.
    """
    old, new = before[code], after[code]
    pairs = [(finding, before[finding.code]) for finding in after if finding.code != code]
    uncovered = [now for now, then in pairs if _uncovered(now, then, old, errors)]
    worse = [(now, then) for now, then in pairs if now.worse_than(then) and now not in uncovered]
    objections = [] if not new.bad else [_remains(old, new)]
    objections += [f"{now.code} went from {then.severity} to {now.severity}" for now, then in worse]
    costly = too_dear(code, errors)
    if costly:
        objections.append(errors.words())
    codes = tuple(now.code for now, _ in worse)
    if objections:
        return Verdict(
            accepted=False, reason=f"{'; '.join(objections)}.", gone=not new.bad, worse=codes, costly=costly
        )
    reasons = [
        f"the question of {code} no longer arises" if new.severity == "skipped" else f"{code} is gone",
        errors.words(),
        *(f"{now.code} was uncovered: {now.severity}" for now in uncovered),
    ]
    return Verdict(accepted=True, reason=f"{'; '.join(reasons)}.", gone=True)


def too_dear(code: str, errors: Comparison) -> bool:
    """Whether the held-out error is larger than a cure of the finding ``code`` may make it."""
    if errors.rescaled or code in PAID_IN_ERROR:
        return errors.worse and not errors.affordable
    return errors.worse or (code in ABOUT_ERROR and errors.ratio.value > 1)


def refused(errors: Comparison) -> Verdict:
    """On a change that is too dear whatever became of its finding."""
    return Verdict(accepted=False, reason=f"{errors.words()}.", gone=False, costly=True)


def _remains(old: Finding, new: Finding) -> str:
    if old.severity == new.severity:
        return f"{new.code} is still a {new.severity}"
    return f"{new.code} went from {old.severity} to {new.severity} and is not gone"


def _uncovered(now: Finding, then: Finding, treated: Finding, errors: Comparison) -> bool:
    """Whether a bad finding could not be seen before and is less harmful than what was treated."""
    harm = SEVERITIES.index
    hidden = then.severity == "skipped" or (now.worse_than(then) and errors.halved)
    return now.bad and hidden and harm(now.severity) < harm(treated.severity)


def held_out_errors(model: Autoencoder, X: Any, unit: NDArray[np.float64]) -> Errors:
    """(n, 3) mean squared errors of each row by the model, by the mean predictor and by PCA of the code's size.

    unit : (features,) data units per unit of the errors. One for all models that are compared, so that it does not
        matter which scaling each of them has.
    """
    scale = event_scale_of(model).reshape(-1) / unit
    found = []
    for batch in model.batches(X):
        x = batch.x.float().cpu().numpy().reshape(len(batch), -1)
        known = None if batch.mask is None else batch.mask.cpu().numpy().reshape(len(batch), -1)
        weights = np.ones(x.shape) if known is None else known.astype(np.float64)
        answers = (
            reconstructed(model.network_, batch.x).reshape(len(batch), -1),
            model.baselines_.mean[None],
            model.baselines_.pca_reconstruction(x, known),
        )
        totals = [(((x - answer) * scale) ** 2 * weights).sum(axis=1) for answer in answers]
        found.append(quotient(np.stack(totals, axis=1), weights.sum(axis=1, keepdims=True)))
    return np.concatenate(found)
