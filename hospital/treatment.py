"""Whether ``treat`` cures: judged on rows that the treatment never saw, beside a sound model of the same rows."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from hospital.examination import LIMIT, Record, made, patient_of
from hospital.illnesses import illnesses
from hospital.protocol import Admission, Case
from hospital.sound import sound
from isthmus.codes.gaussian import Gaussian
from isthmus.corruptions.masking import Masking
from isthmus.doctor.check import chosen
from isthmus.doctor.comparison import held_out_errors
from isthmus.doctor.treatment import treat
from isthmus.penalties.relational import Relational

if TYPE_CHECKING:
    from hospital.data import Data
    from isthmus.doctor.history import Attempt
    from isthmus.estimator import Autoencoder

#: What a cured patient's held-out error may be in that of a sound model, and from what on it was made worse.
AS_GOOD, WORSE = 1.1, 1.1
#: Share of the entries that a sound denoising model masks, the middle one of Vincent et al. (2010), JMLR 11, section 5.
MASKED = 0.25


def treated(who: Admission, *, budget: int, seconds: float) -> Record:
    """Treat a patient with one half of its held-out rows, and examine before and after on the other half.

    budget, seconds : of each treatment, as ``treat`` has them.
    cured : no finding of those that name the illness is left, and the held-out error is as good as that of a sound
        model trained on the same rows. healthy : no bad finding at all is left.
    beyond : that sound model has one of these findings as well, so that no change of parts cures.
    new : findings that the treatment brought about. errors : held-out ones before, after and of the sound model.
    worse : a larger error than before, and than that of the sound model; a copy has none, and curing it costs some.
    """
    case, rows = made(who)
    half = np.arange(len(case.X_test)) % 2 == 0
    before = _bad(_with(case, case.model, ~half))
    given = _with(case, case.model, half)
    started = time.perf_counter()
    cured, history = treat(
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
    judges = case.X_test[~half]
    control = _control(case, rows, who.seed)
    errors = {
        name: _error(model, case.X_train, judges)
        for name, model in (("before", case.model), ("after", cured), ("sound", control))
    }
    naming = set(illnesses()[who.ward].naming(images=rows.images))
    beyond = bool(naming & set(_bad(_with(case, control, ~half))))
    return {
        "name": who.name,
        "ward": who.ward,
        "kind": who.kind,
        "data": who.data,
        "seed": who.seed,
        "before": before,
        "after": after,
        "found": bool(naming & set(before)),
        "beyond": beyond,
        "cured": not naming & set(after) and errors["after"] <= AS_GOOD * errors["sound"],
        "healthy": not after,
        "new": sorted(set(after) - set(before)),
        "errors": errors,
        "worse": errors["after"] > WORSE * max(errors["before"], errors["sound"]),
        "tried": [_attempted(attempt) for attempt in history],
        "stopped": history.stopped,
        "treatment": float(f"{spent:.4g}"),
    }


def _attempted(attempt: Attempt) -> Record:
    what = {
        "accepted": attempt.accepted,
        "reason": attempt.reason,
        "seconds": float(f"{attempt.seconds:.4g}"),
    }
    return {"code": attempt.code, "remedy": attempt.remedy} | what


def _control(case: Case, rows: Data, seed: int) -> Autoencoder:
    """A sound model of the rows that the patient was trained on, in whatever unit they came.

    It is variational, denoising or relational where the patient is.
    """
    X = case.X_train
    pictures = X.ndim == 3
    bounded = pictures and X.min() >= 0 and X.max() <= 1
    changes: dict[str, Any] = {
        "loss": "bce" if bounded else "mse",
        "scaling": "none" if pictures else "standard",
    }
    if isinstance(case.model.part("code"), Gaussian):
        changes["code"] = Gaussian(rows.code)
    if case.model.corruption is not None:
        changes["corruption"] = Masking(MASKED)
    related = [one for one in case.model.penalties if isinstance(one, Relational)]
    if related:
        changes["penalties"] = (Relational(relation=related[0].relation),)
    return sound(rows, seed, **changes).fit(X)


def _error(model: Autoencoder, X_train: Any, X: Any) -> float:
    """Mean squared error of some rows: of pixels as they are, of columns in their spreads."""
    flat = X_train.reshape(len(X_train), -1)
    unit = flat.std(axis=0) if X_train.ndim == 2 else np.ones(flat.shape[1])
    unit[unit < 1e-3 * unit.mean()] = unit.mean()  # columns of hardly any spread among the training rows
    return float(f"{held_out_errors(model, X, unit)[:, 0].mean():.4g}")


def _with(case: Case, model: Any, rows: Any) -> Case:
    labels = None if case.y_test is None else case.y_test[rows]
    return Case(model, case.X_train, case.X_test[rows], case.y_train, labels)


def _bad(case: Case) -> list[str]:
    patient = patient_of(case)
    return [finding.code for finding in (check(patient) for check in chosen(None)) if finding.bad]
