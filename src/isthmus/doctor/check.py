"""The protocol of checks, and the list of them."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from isthmus import registry
from isthmus.doctor.finding import Finding, Picture, Remedy, Severity
from isthmus.errors import ParameterError, nearest

if TYPE_CHECKING:
    from isthmus.doctor.patient import Patient


#: Checks of a smaller order ask about the training itself, of which whatever else is wrong may be an effect.
TRAINED = 30


class Check(ABC):
    """One question about an autoencoder, in a file of its own under ``doctor/checks``.

    code : stable name, that of the file with hyphens. question : what it asks. needs : of ``"test"`` (held-out rows),
    ``"labels"``, ``"images"``, ``"spread"`` (rows that vary), ``"model"`` (a fitted Autoencoder, with its parts and its
    network) and ``"history"``; a patient that lacks one is skipped, with the reason. least_rows : fewer rows than that
    are skipped as well.
    order : causes before effects: treatment begins with the smallest.
    """

    code: ClassVar[str]
    question: ClassVar[str]
    needs: ClassVar[frozenset[str]] = frozenset()
    least_rows: ClassVar[int] = 30
    order: ClassVar[int] = 50

    def __call__(self, patient: Patient) -> Finding:
        """The verdict on a patient; ``skipped`` where the check does not apply."""
        reason = next(self.obstacles(patient), "")
        return self.skipped(reason) if reason else self.run(patient)

    @abstractmethod
    def run(self, patient: Patient) -> Finding:
        """The verdict on a patient to whom the check applies. Random: from ``patient.generator(self.code)``."""

    def obstacles(self, patient: Patient) -> Iterator[str]:
        """Reasons why the check cannot run on a patient; checks with reasons of their own add to them."""
        for need in sorted(self.needs):
            if not patient.has(need):
                yield _LACKING[need]
        if len(patient.test) < self.least_rows:
            yield f"{len(patient.test)} rows are too few for {self.code}, which needs {self.least_rows}."
        if len(patient.train) < self.least_rows:
            yield f"{len(patient.train)} training rows are too few for {self.code}, which needs {self.least_rows}."

    def finding(
        self,
        severity: Severity,
        title: str,
        evidence: Mapping[str, Any],
        why: str,
        *remedies: Remedy,
        pictures: Sequence[Picture] = (),
    ) -> Finding:
        """A finding of this check; remedies in the order they should be tried."""
        first, rest = (remedies[0], remedies[1:]) if remedies else (Remedy(""), ())
        return Finding(self.code, severity, title, evidence, why, first, rest, tuple(pictures), self.question)

    def skipped(self, reason: str, *, fault: bool = False) -> Finding:
        """A finding that says why there is none."""
        title = f"{self.question} Not answered."
        return Finding(self.code, "skipped", title, {}, reason, question=self.question, fault=fault)


_LACKING = {
    "test": "there are no held-out rows: give X_test (--test), rows that the model was not trained on.",
    "labels": "there are no labels: give y_train and y_test (--labels), a class or a number a row.",
    "images": "the data are no images.",
    "spread": "the rows do not vary, so there is nothing to encode.",
    "model": "only a model that isthmus trained shows its parts and its layers; this one is a pair of functions.",
    "history": "this model has no history of its training.",
}


@cache
def checks() -> dict[str, Check]:
    """Every check by its code, in the order of causes before effects."""
    found: dict[str, Check] = {}
    for name in registry.modules("doctor.checks"):
        module = importlib.import_module(f"isthmus.doctor.checks.{name}")
        for key, value in vars(module).items():
            if _is_check(key, value, module.__name__):
                found[value.code] = value()
    return dict(sorted(found.items(), key=lambda item: (item[1].order, item[0])))


def _is_check(key: str, value: Any, module: str) -> bool:
    """True for a public check that the module itself defines."""
    return (
        isinstance(value, type)
        and issubclass(value, Check)
        and value.__module__ == module
        and not key.startswith("_")
    )


def chosen(codes: Sequence[str] | None) -> list[Check]:
    """The checks of some codes, all by default, in their order. Raises ParameterError for unknown ones."""
    known = checks()
    if codes is None:
        return list(known.values())
    for code in codes:
        if code not in known:
            near = nearest(code, known)
            hint = f"did you mean {near!r}" if near else f"known are {', '.join(known)}"
            raise ParameterError(f"{code!r} is not a check of the doctor: {hint}.")
    return [check for code, check in known.items() if code in codes]
