"""From an autoencoder and its data to a report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from isthmus.doctor.admission import LIMIT, of_functions, of_model
from isthmus.doctor.check import chosen
from isthmus.doctor.report import Report
from isthmus.errors import IsthmusError
from isthmus.seeds import seed_of

if TYPE_CHECKING:
    from isthmus.doctor.check import Check
    from isthmus.doctor.finding import Finding
    from isthmus.doctor.patient import Patient
    from isthmus.estimator import Autoencoder

#: Told of every check before it runs: its number, how many there are, and the check.
Progress = Callable[[int, int, "Check"], None]


def diagnose(
    model: Autoencoder,
    X_train: Any,
    X_test: Any = None,
    *,
    y_train: Any = None,
    y_test: Any = None,
    checks: Sequence[str] | None = None,
    random_state: Any = 0,
    limit: int = LIMIT,
    progress: Progress | None = None,
) -> Report:
    """Every check that applies, each with its evidence.

    Parameters
    ----------
    model : a fitted :class:`isthmus.Autoencoder`. X_train : what it was trained on.
    X_test : held-out rows; without them training rows are judged, and what needs others is skipped.
    y_train, y_test : (n,) labels, classes or numbers; those that the data bring by default.
    checks : codes of the checks to run, all by default. random_state : int, numpy RandomState or None.
    limit : rows of each that are looked at; more are thinned out, by their contents and not by their place.
    progress : told of every check before it runs.

    Random: from ``random_state`` only; equal rows in another order give equal verdicts.
    Raises: ParameterError for unknown checks, DataError and SchemaError for data that do not fit the model.
    """
    asked = chosen(checks)
    patient = of_model(
        model,
        X_train,
        X_test,
        y_train=y_train,
        y_test=y_test,
        seed=seed_of(random_state, "random_state of diagnose"),
        limit=limit,
    )
    return examined(patient, asked, progress)


def diagnose_functions(
    *,
    encode: Callable[[Any], Any],
    decode: Callable[[Any], Any],
    X_train: Any,
    X_test: Any = None,
    y_train: Any = None,
    y_test: Any = None,
    checks: Sequence[str] | None = None,
    random_state: Any = 0,
    limit: int = LIMIT,
    progress: Progress | None = None,
) -> Report:
    """Every check that applies to an autoencoder built elsewhere; what needs its layers or its history is skipped.

    Parameters
    ----------
    encode, decode : functions of arrays, see :func:`isthmus.doctor.admission.of_functions`.
    X_train, X_test, y_train, y_test, checks, random_state, limit, progress : see :func:`diagnose`.
    """
    asked = chosen(checks)
    patient = of_functions(
        encode,
        decode,
        X_train,
        X_test,
        y_train=y_train,
        y_test=y_test,
        seed=seed_of(random_state, "random_state of diagnose"),
        limit=limit,
    )
    return examined(patient, asked, progress)


def examined(patient: Patient, asked: Sequence[Check], progress: Progress | None = None) -> Report:
    """The report of some checks on a patient."""
    findings: list[Finding] = []
    for number, check in enumerate(asked):
        if progress is not None:
            progress(number, len(asked), check)
        findings.append(_verdict(check, patient))
    return Report(tuple(findings), patient.facts())


def _verdict(check: Check, patient: Patient) -> Finding:
    """What a check finds; one that fails is skipped and says so, so that the others are not lost with it."""
    try:
        return check(patient)
    except IsthmusError:
        raise
    except Exception as error:  # noqa: BLE001 (whatever a check did not expect)
        what = f"{type(error).__name__}: {error}"
        return check.skipped(
            f"the check itself failed, which is a fault of isthmus ({what}): please report it.", fault=True
        )
