"""Whether ``treat`` cures: judged on rows that the treatment never saw."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from hospital.examination import LIMIT, Record, made, patient_of
from hospital.illnesses import illnesses
from hospital.protocol import Admission, Case
from isthmus.doctor.check import chosen


def possible() -> bool:
    """Whether this isthmus has the treatment."""
    import isthmus.doctor

    return hasattr(isthmus.doctor, "treat")


def treated(who: Admission, *, budget: int, seconds: float) -> Record:
    """Treat a patient with one half of its held-out rows, and examine before and after on the other half.

    budget, seconds : of each treatment, as ``treat`` has them.
    cured : no finding of those that name the illness is left. healthy : no bad finding at all is left.
    worse : findings that the treatment brought about.
    """
    import isthmus.doctor

    case, rows = made(who)
    half = np.arange(len(case.X_test)) % 2 == 0
    before = _bad(_with(case, case.model, ~half))
    given = _with(case, case.model, half)
    started = time.perf_counter()
    cured, history = isthmus.doctor.treat(
        case.model,
        given.X_train,
        given.X_test,
        y_train=given.y_train,
        y_test=given.y_test,
        budget=budget,
        seconds=seconds,
        limit=LIMIT,
    )
    spent = time.perf_counter() - started
    after = _bad(_with(case, cured, ~half))
    naming = set(illnesses()[who.ward].naming(images=rows.images))
    return {
        "name": who.name,
        "ward": who.ward,
        "kind": who.kind,
        "data": who.data,
        "seed": who.seed,
        "before": before,
        "after": after,
        "found": bool(naming & set(before)),
        "cured": not naming & set(after),
        "healthy": not after,
        "worse": sorted(set(after) - set(before)),
        "tried": len(history.attempts),
        "treatment": float(f"{spent:.4g}"),
    }


def _with(case: Case, model: Any, rows: Any) -> Case:
    labels = None if case.y_test is None else case.y_test[rows]
    return Case(model, case.X_train, case.X_test[rows], case.y_train, labels)


def _bad(case: Case) -> list[str]:
    patient = patient_of(case)
    return [finding.code for finding in (check(patient) for check in chosen(None)) if finding.bad]
