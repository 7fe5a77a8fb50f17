"""The course of a treatment: what is tried, measured, kept and rolled back."""

from __future__ import annotations

import dataclasses
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.base import clone

from isthmus.architectures.custom import Custom
from isthmus.assembly import refuse_missing_labels
from isthmus.data.opening import open_source
from isthmus.data.subset import split_rows
from isthmus.data.targets import read_targets
from isthmus.doctor.admission import LIMIT, of_model
from isthmus.doctor.candidates import Candidate, composition, following, of_report, put_off
from isthmus.doctor.check import TRAINED
from isthmus.doctor.comparison import Comparison, held_out_errors, judged, refused, too_dear
from isthmus.doctor.diagnosis import examined
from isthmus.doctor.history import Attempt, Treatment, TreatmentInterrupted, severities
from isthmus.doctor.report import Report
from isthmus.errors import DataError, IsthmusError, NonFiniteError
from isthmus.estimator import event_scale_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from isthmus.doctor.check import Check
    from isthmus.doctor.history import Ending
    from isthmus.doctor.patient import Patient
    from isthmus.estimator import Autoencoder
    from isthmus.training.watching import Watcher

#: Share of the training rows that judge where no others are given.
HELD_OUT = 0.2
#: Share that early stopping watches where a model was trained with validation data that are not at hand.
WATCHED = 0.1

#: Attempts at a finding in vain, after which others are treated first.
ENOUGH = 3

#: Told in a sentence what is begun and what came of it.
Progress = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Data:
    """Rows to train on and rows to judge by, each with labels or None."""

    X_train: Any
    X_test: Any
    y_train: Any = None
    y_test: Any = None

    def split(self, seed: int) -> Data:
        """Some of the training rows as those to judge by. Raises DataError for data that are streamed."""
        source = open_source(self.X_train)
        if not source.random_access:
            raise DataError(
                f"{source.name} is read in a stream, so no rows of it can be held out: give X_test (--test)."
            )
        kept, held_out = split_rows(source, HELD_OUT, seed=seed)
        if self.y_train is None:
            return Data(kept, held_out)
        read_targets(source, self.y_train)  # refuses what does not fit the rows
        labels = getattr(self.y_train, "iloc", None)
        if labels is None:
            labels = self.y_train if hasattr(self.y_train, "dtype") else np.array(self.y_train)
        return Data(kept, held_out, labels[kept.index], labels[held_out.index])


@dataclass(frozen=True, eq=False)
class _Trial:
    """A trained model, its (n, 3) held-out errors, and what the doctor said of it so far."""

    model: Autoencoder
    errors: NDArray[np.float64]
    report: Report


@dataclass(frozen=True, eq=False)
class _State:
    """How far a treatment came; replaced as a whole, whenever Ctrl-C comes."""

    before: Report
    best: _Trial
    attempts: tuple[Attempt, ...] = ()


class Course:
    """The course of one treatment.

    Parameters
    ----------
    model, budget, seconds, seed, limit, progress, watcher : see :func:`isthmus.doctor.treat`.
    data : rows and labels. asked : the checks.
    """

    def __init__(
        self,
        model: Autoencoder,
        data: Data,
        asked: Sequence[Check],
        *,
        budget: int,
        seconds: float | None = None,
        seed: int = 0,
        limit: int = LIMIT,
        progress: Progress | None = None,
        watcher: Watcher | None = None,
    ) -> None:
        self.given = model
        self.data = data
        self.asked = asked
        self.budget = budget
        self.seconds = seconds
        self.seed = seed
        self.limit = limit
        self.tell = progress or (lambda text: None)
        self.watcher = watcher
        self._unit = event_scale_of(model).reshape(-1)
        self._notes: list[str] = []
        self._trainings = 0
        self._begun = time.monotonic()
        #: By composition: none is trained twice. A text says why no model came of it.
        self._trials: dict[str, _Trial | str] = {}
        self._judged: set[tuple[str, str]] = set()

    def run(self) -> tuple[Autoencoder, Treatment]:
        """The best model and the history. Raises TreatmentInterrupted on Ctrl-C."""
        state = self._state = self._admitted()
        agenda = self._agenda(state.best.report)
        try:
            while True:
                ended, agenda = self._step(self._state, agenda)
                if ended is not None:
                    return self._outcome(self._state, ended)
        except KeyboardInterrupt as error:
            raise TreatmentInterrupted(*self._outcome(self._state, "interrupted")) from error

    def _admitted(self) -> _State:
        """The diagnosis of the model, trained anew where it knows the rows that shall judge it."""
        source = open_source(self.data.X_train)
        next(self.given.batches(source), None)  # refuses data of another form before they are trained on
        targets = read_targets(source, self.data.y_train)
        labels = None if targets is None else targets.values
        refuse_missing_labels(tuple(self.given.penalties), labels, None, None)
        model = self.given
        if self.data.X_test is None:
            self.data = dataclasses.replace(self.data, X_train=source).split(self.seed)
            model = self._without_held_out(len(self.data.X_test.index), source.n_rows)
        self.tell("diagnosing the model")
        report = examined(self._patient(model), self.asked)
        trial = _Trial(model, self._errors(model), report)
        self._trials[composition(self._own(self.given))] = trial
        return _State(trial.report, trial)

    def _without_held_out(self, held_out: int, rows: int) -> Autoencoder:
        """The given model trained on the other rows only; itself where that training comes to nothing."""
        judges = (
            f"{held_out:,} of {rows:,} training rows were held out to judge by, since no others were given"
        )
        self.tell(f"{judges}: training the model anew without them")
        model = self._own(self.given)
        try:
            self._fit(model)
        except NonFiniteError as error:
            if not hasattr(model, "network_"):
                self._notes.append(f"{judges}, but trained anew without them the model diverged: {error}")
                return self.given
        self._notes.append(f"{judges}, and the model was trained anew without them before it was diagnosed.")
        return model

    def _agenda(self, report: Report) -> list[Candidate]:
        return of_report(report, [check.code for check in self.asked if check.order < TRAINED])

    def _step(self, state: _State, agenda: list[Candidate]) -> tuple[Ending | None, list[Candidate]]:
        """Try what comes next: why the treatment ended, if so, and what there is to try then."""
        if state.best.report.healthy:
            return "healthy", []
        base = self._own(state.best.model)
        for place, candidate in enumerate(agenda):
            changed, key = _changed(candidate, base)
            if key == composition(base) or (candidate.code, key) in self._judged:
                continue
            if changed is not None and key not in self._trials:
                if self._trainings >= self.budget:
                    return "budget spent", []
                if self.seconds is not None and time.monotonic() - self._begun >= self.seconds:
                    return "time over", []
            rest = agenda[place + 1 :]
            self._judged.add((candidate.code, key))
            return None, self._attempted(state, candidate, key, changed, rest)
        return "nothing left to try", []

    def _attempted(
        self,
        state: _State,
        candidate: Candidate,
        key: str,
        changed: Autoencoder | None,
        rest: list[Candidate],
    ) -> list[Candidate]:
        """Train a changed model, judge it, keep it or not; what there is to try then."""
        started = time.monotonic()
        best, agenda = state.best, rest
        attempt = Attempt(
            code=candidate.code,
            remedy=candidate.text,
            patch=candidate.patch,
            before=severities(best.report),
            error_before=_mean(best.errors),
        )
        trial = self._trial(candidate, key, changed)
        if isinstance(trial, str):
            found: dict[str, Any] = {"reason": trial}
        else:
            errors = self._compared(best, trial, rescaled="scaling" in candidate.patch)
            found = {"error_after": _mean(trial.errors), "ratio": errors.measure()}
            if too_dear(candidate.code, errors):
                verdict = refused(errors)
            else:
                trial = self._trials[key] = self._examined(trial, candidate.code)
                verdict = judged(candidate.code, best.report, trial.report, errors)
                found["after"] = severities(trial.report)
                if verdict.accepted:
                    best, agenda = trial, self._agenda(trial.report)
                else:
                    agenda = following(candidate, best.report, trial.report, verdict, rest)
            found |= {"accepted": verdict.accepted, "reason": verdict.reason}
        attempt = dataclasses.replace(attempt, **found, seconds=time.monotonic() - started)
        self._state = _State(state.before, best, (*state.attempts, attempt))
        if not attempt.accepted and _in_vain(self._state.attempts, candidate.code) >= ENOUGH:
            agenda = put_off(candidate.code, agenda)
        self.tell(f"{'kept' if attempt.accepted else 'rolled back'}: {attempt.reason}")
        return agenda

    def _compared(self, before: _Trial, after: _Trial, *, rescaled: bool) -> Comparison:
        other = None
        if rescaled:
            unit = event_scale_of(after.model).reshape(-1)
            earlier, later = (held_out_errors(one.model, self.data.X_test, unit) for one in (before, after))
            other = Comparison(earlier, later, self._generator())
        return Comparison(before.errors, after.errors, self._generator(), rescaled=other)

    def _trial(self, candidate: Candidate, key: str, changed: Autoencoder | None) -> _Trial | str:
        """The changed model, trained, or why there is none; each composition once."""
        if key in self._trials:
            return self._trials[key]
        if changed is None:
            return key
        self.tell(
            f"training {self._trainings + 1} of at most {self.budget}, for {candidate.code}: {candidate.text}"
        )
        try:
            self._fit(changed)
        except (IsthmusError, MemoryError, torch.OutOfMemoryError) as error:
            self._trials[key] = f"its training failed: {str(error) or 'not enough memory.'}"
            return self._trials[key]
        except Exception as error:
            # Modules of the user's own may refuse another size in a way of their own; parts of isthmus may not.
            if not isinstance(changed.part("architecture"), Custom):
                raise
            self._trials[key] = f"its own modules refused the change: {type(error).__name__}: {error}"
            return self._trials[key]
        self._trials[key] = _Trial(changed, self._errors(changed), Report(()))
        return self._trials[key]

    def _fit(self, model: Autoencoder) -> None:
        self._trainings += 1
        model.fit(self.data.X_train, self.data.y_train, watcher=self.watcher)

    def _examined(self, trial: _Trial, code: str) -> _Trial:
        """The same with the verdicts up to the finding that is treated, and with all of them where that is gone."""
        codes = [check.code for check in self.asked]
        first, last = codes.index(code) + 1, len(codes)
        if len(trial.report) == last or (len(trial.report) >= first and trial.report[code].bad):
            return trial
        patient = self._patient(trial.model)
        report = examined(patient, self.asked[:first])
        if not report[code].bad:
            others = examined(patient, self.asked[first:])
            report = dataclasses.replace(report, findings=(*report.findings, *others.findings))
        return dataclasses.replace(trial, report=report)

    def _patient(self, model: Autoencoder) -> Patient:
        data = self.data
        return of_model(
            model,
            data.X_train,
            data.X_test,
            y_train=data.y_train,
            y_test=data.y_test,
            seed=self.seed,
            limit=self.limit,
        )

    def _errors(self, model: Autoencoder) -> NDArray[np.float64]:
        return held_out_errors(model, self.data.X_test, self._unit)

    def _own(self, model: Autoencoder) -> Autoencoder:
        """An untrained copy that trains with the seed of the model given and leaves its checkpoint alone."""
        copy: Autoencoder = clone(model)
        copy.random_state = self.given.training_summary_["seed"]
        training = copy.training = copy.part("training")
        training.checkpoint, training.resume = None, False
        if training.patience is not None and not training.validation_fraction:
            training.validation_fraction = WATCHED
        return copy

    def _generator(self) -> np.random.Generator:
        return np.random.default_rng([self.seed, zlib.crc32(b"held-out errors")])

    def _outcome(self, state: _State, ended: Ending) -> tuple[Autoencoder, Treatment]:
        history = Treatment(state.attempts, state.before, state.best.report, ended, tuple(self._notes))
        if not history.accepted:
            return self.given, history
        earlier = self.given.training_summary_.get("treatment")
        state.best.model.training_summary_["treatment"] = history.record() | (
            {"earlier": earlier} if earlier else {}
        )
        return state.best.model, history


def _in_vain(attempts: tuple[Attempt, ...], code: str) -> int:
    """Attempts at a finding since one was kept."""
    lately = takewhile(lambda attempt: not attempt.accepted, reversed(attempts))
    return sum(attempt.code == code for attempt in lately)


def _mean(errors: NDArray[np.float64]) -> float:
    """Of the model's own errors, over the rows of which something is known."""
    return float(np.nanmean(errors[:, 0]))


def _changed(candidate: Candidate, base: Autoencoder) -> tuple[Autoencoder | None, str]:
    """The changed model, untrained, with its composition; None with the reason where it cannot be made."""
    try:
        changed = candidate.applied(base)
        changed._choices()
    except IsthmusError as error:
        return None, f"it cannot be applied: {error}"
    return changed, composition(changed)
