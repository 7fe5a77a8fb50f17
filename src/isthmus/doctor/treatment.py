"""Cures an autoencoder: one change at a time, kept only where it helps and harms nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from isthmus.doctor.admission import LIMIT
from isthmus.doctor.check import chosen
from isthmus.doctor.course import Course, Data
from isthmus.errors import ParameterError, sentence
from isthmus.estimator import Autoencoder
from isthmus.seeds import seed_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from isthmus.doctor.course import Progress
    from isthmus.doctor.history import Treatment
    from isthmus.training.watching import Watcher


def treat(
    model: Autoencoder,
    X_train: Any,
    X_test: Any = None,
    *,
    y_train: Any = None,
    y_test: Any = None,
    budget: int = 12,
    seconds: float | None = None,
    checks: Sequence[str] | None = None,
    random_state: Any = 0,
    limit: int = LIMIT,
    progress: Progress | None = None,
    watcher: Watcher | None = None,
) -> tuple[Autoencoder, Treatment]:
    """A model without what was wrong with the one given, as far as changes of its parts can cure it.

    What was found on the training itself is treated first, then the worst finding with the earliest cause: a copy of
    the model is changed by its first remedy, trained anew with the same seed, and diagnosed again. It is kept only
    where the finding is gone, no other finding is worse, and the held-out error is not surely larger; otherwise it is
    rolled back and the next remedy is tried.

    Parameters
    ----------
    model : a fitted :class:`isthmus.Autoencoder`; it is not changed. X_train : what it was trained on.
    X_test : held-out rows to judge by. Without them a fifth of the training rows is held out, drawn from
        ``random_state``, and the model is first trained anew on the others, which costs one training.
    y_train, y_test : (n,) labels, classes or numbers; those that the data bring by default.
    budget : trainings at most. seconds : after so many no training is begun; None for any number.
    checks : codes of the checks to heed, all by default. random_state : int, numpy RandomState or None.
    limit : rows of each that checks look at. progress : told in a sentence what is begun and what came of it, such as
        ``print``. watcher : told of every step and epoch of every training.

    Returns the model and its history. The very model given comes back where nothing was kept. A treated one carries the
    history in ``training_summary_["treatment"]``, which ``save`` keeps.

    Random: from ``random_state`` and the model's own seed. The rows of X_test choose what is kept, so a number for
    a paper needs rows that neither training nor treatment has seen.
    Raises: ParameterError, and DataError and SchemaError for data that do not fit; TreatmentInterrupted, with what was
    reached, on Ctrl-C.
    """
    if not isinstance(model, Autoencoder):
        raise ParameterError(sentence("model of treat", "a fitted Autoencoder", model))
    model._check_fitted()
    if budget < 1:
        raise ParameterError(sentence("budget of treat", "a number of trainings, at least 1", budget))
    if seconds is not None and not seconds > 0:
        raise ParameterError(sentence("seconds of treat", "above 0", seconds))
    return Course(
        model,
        Data(X_train, X_test, y_train, y_test),
        chosen(checks),
        budget=budget,
        seconds=seconds,
        seed=seed_of(random_state, "random_state of treat"),
        limit=limit,
        progress=progress,
        watcher=watcher,
    ).run()
