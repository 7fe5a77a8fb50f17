"""What is to be tried next: remedies in the order of causes, and what follows from one that nearly helped."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from sklearn.base import clone

from isthmus import spec
from isthmus.doctor.finding import Remedy, jsonable
from isthmus.errors import IsthmusError, ParameterError

if TYPE_CHECKING:
    from isthmus.doctor.comparison import Verdict
    from isthmus.doctor.finding import Finding
    from isthmus.doctor.report import Report
    from isthmus.estimator import Autoencoder

#: Patches one upon another before they have to have helped.
MOST_STEPS = 3
#: Remedies of a warning on the training itself that are tried before failures that it may be the cause of.
FIRST_OF_A_WARNING = 2


@dataclass(frozen=True)
class Candidate:
    """A change that may cure a finding.

    Parameters
    ----------
    code : of the finding that must be gone afterwards. text : the remedy in words.
    patch : parameters for ``set_params``. steps : how many remedies it is made of.
    """

    code: str
    text: str
    patch: Mapping[str, Any]
    steps: int = 1

    def applied(self, model: Autoencoder) -> Autoencoder:
        """An untrained copy of a model with the change. Raises ParameterError for one that cannot be made."""
        changed: Autoencoder = clone(model)
        try:
            changed.set_params(**{name: spec.clone(value) for name, value in self.patch.items()})
        except IsthmusError:
            raise
        except (AttributeError, TypeError, ValueError) as error:
            names = ", ".join(self.patch)
            raise ParameterError(f"{names} cannot be set on this model ({error}).") from error
        return changed

    def then(self, remedy: Remedy) -> Candidate:
        """The change followed by a remedy of what was found after it."""
        text = f"{self.text} {'Once more.' if self.text.startswith(remedy.text) else remedy.text}"
        return Candidate(self.code, text, merged(self.patch, remedy.patch), self.steps + 1)


def of_report(report: Report, training: Collection[str] = ()) -> list[Candidate]:
    """Every remedy with a patch: of failures, then of warnings, causes before effects, each in its own order.

    training : codes of findings on the training itself. A warning of these comes before failures that it may be the
        cause of, which are those that stand after it, but only its first remedies do: it may be their effect as well.
    """
    first = [finding for finding in report if finding.bad and finding.code in training]
    others = [finding for finding in report.bad if finding.code not in training]
    at_once, later = list[Candidate](), list[Candidate]()
    for finding in first:
        candidates = _candidates(finding)
        most = FIRST_OF_A_WARNING if finding.severity == "warning" else len(candidates)
        at_once += candidates[:most]
        later += candidates[most:]
    return [*at_once, *(one for finding in others for one in _candidates(finding)), *later]


def _candidates(finding: Finding) -> list[Candidate]:
    return [Candidate(finding.code, remedy.text, remedy.patch) for remedy in finding.remedies if remedy.patch]


def following(
    candidate: Candidate, before: Report, after: Report, verdict: Verdict, rest: list[Candidate]
) -> list[Candidate]:
    """What to try after a change that was rolled back; nothing upon it where held-out rows became worse by it.

    Where the finding is gone but others became worse, it is tried with the remedies of these. Where it remains, more of
    the same is, such as a rate that is smaller still. Where it became milder, and no other remedy of it cures, that
    change is tried with the remedies of all that is still wrong from the finding's causes to itself.

    Parameters
    ----------
    candidate : the change. before, after : diagnoses without it and with it. verdict : on it.
    rest : what else there is to try.
    """
    code = candidate.code
    if verdict.costly or candidate.steps >= MOST_STEPS:
        return rest
    at_once, later = list[Remedy](), list[Remedy]()
    if verdict.gone:
        at_once = [
            remedy for finding in after if finding.code in verdict.worse for remedy in finding.remedies
        ]
    else:
        changed = set(candidate.patch)
        at_once = [remedy for remedy in after[code].remedies if set(remedy.patch) <= changed]
        if before[code].worse_than(after[code]):
            codes = [finding.code for finding in after]
            causes = [finding for finding in after.findings[: codes.index(code) + 1] if finding.bad]
            later = [remedy for finding in causes for remedy in finding.remedies]
    upon = [[candidate.then(remedy) for remedy in remedies if remedy.patch] for remedies in (at_once, later)]
    own = list(takewhile(lambda one: one.code == code, rest))
    return [*upon[0], *own, *upon[1], *rest[len(own) :]]


def put_off(code: str, agenda: list[Candidate]) -> list[Candidate]:
    """What is there for other findings first: one that withstands its remedies may be an effect of another."""
    return sorted(agenda, key=lambda one: one.code == code)


def merged(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """One patch that does what the second does after the first."""
    replaced = {name for name in second if "__" not in name}
    return {name: value for name, value in first.items() if name.partition("__")[0] not in replaced} | dict(
        second
    )


def composition(model: Autoencoder) -> str:
    """All parameters of a model as text, equal for equal parameters."""
    parameters = {name: jsonable(value) for name, value in model.get_params(deep=False).items()}
    return json.dumps(parameters, sort_keys=True)
