"""One patient: made, examined, and put into numbers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from hospital import controls
from hospital.data import Data, data
from hospital.illnesses import illnesses
from hospital.protocol import CALIBRATION, SEVERITIES, Admission, Case
from isthmus.doctor.admission import of_model
from isthmus.doctor.check import chosen
from isthmus.doctor.finding import Measure
from isthmus.doctor.statistics.asked import asked_for
from isthmus.doctor.statistics.rival import Rival

if TYPE_CHECKING:
    from isthmus.doctor.finding import Finding
    from isthmus.doctor.patient import Patient

#: Rows of each kind that checks look at: enough for small data, and hundreds of patients in an hour.
LIMIT = 600

Record = dict[str, Any]


def made(who: Admission) -> tuple[Case, Data]:
    """The patient, trained anew; the same for the same admission."""
    rows = data(who.data, who.seed)
    if not who.ill:
        return controls.made(who.kind, rows, who.seed), rows
    illness = illnesses()[who.ward]
    return illness.make(rows, SEVERITIES.index(who.kind), who.seed), rows


def examined(who: Admission) -> Record:
    """What is known of a patient: verdicts, titles of bad ones, errors, seconds.

    The numbers behind the verdicts are kept of the calibration part only, so that nothing is chosen by the others.
    """
    record: Record = {
        "name": who.name,
        "ward": who.ward,
        "kind": who.kind,
        "data": who.data,
        "seed": who.seed,
    }
    started = time.perf_counter()
    case, rows = made(who)
    record |= {"images": rows.images, "training": _rounded(time.perf_counter() - started), "verdicts": {}}
    if case.refusal:
        record["refusal"] = case.refusal
    if not hasattr(case.model, "network_"):
        return record
    patient = patient_of(case)
    record |= {"errors": errors(patient), "asked": asked_for(patient, Rival.of(patient))}
    titles, seconds, numbers = {}, {}, {}
    for check in chosen(None):
        began = time.perf_counter()
        try:
            finding = check(patient)
        except Exception as error:  # noqa: BLE001 a check that crashes on a patient is a result
            record["verdicts"][check.code], titles[check.code] = "crashed", f"{type(error).__name__}: {error}"
            continue
        seconds[check.code] = _rounded(time.perf_counter() - began)
        record["verdicts"][check.code] = finding.severity
        if finding.bad:
            titles[check.code] = finding.title
        if who.seed == CALIBRATION:
            numbers[check.code] = _numbers(finding)
    record |= {"titles": titles, "seconds": seconds}
    return record | ({"evidence": numbers} if numbers else {})


def patient_of(case: Case) -> Patient:
    """As the doctor sees it."""
    return of_model(
        case.model, case.X_train, case.X_test, y_train=case.y_train, y_test=case.y_test, limit=LIMIT
    )


def errors(patient: Patient) -> dict[str, float]:
    """Mean squared errors in model space, held-out rows but for ``trained``: no check is asked for these."""
    found = {
        "model": patient.squares,
        "trained": patient.train.squares(patient.train_reconstruction),
        "pca": patient.pca_squares,
        "mean": patient.mean_squares,
    }
    return {name: _rounded(float(np.mean(squares))) for name, squares in found.items()}


def _numbers(finding: Finding) -> dict[str, list[float | None]]:
    """Value and interval of every measure."""
    return {
        name: [None if number is None else _rounded(number) for number in (one.value, one.low, one.high)]
        for name, one in finding.evidence.items()
        if isinstance(one, Measure)
    }


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
