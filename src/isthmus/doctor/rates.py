"""A learning rate found by trying."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

from isthmus.doctor.retraining import (
    batch_of,
    errors_of,
    fifth,
    operations,
    part_of_model,
    shortly_trained,
    step_rows,
    untrained,
)
from isthmus.doctor.statistics import structure_free
from isthmus.errors import NonFiniteError
from isthmus.training.loop import resolved

if TYPE_CHECKING:
    from isthmus.doctor.patient import Patient
    from isthmus.training.training import Training

#: Rates that are tried, in the optimizer's own.
TRIED = (1.0, 3.0, 10.0)
#: Long trainings want smaller steps than short ones: what is taken, in the best of the trials. Sound models of digits,
#: two tables and a manifold came to 1.00, 1.12, 1.09 and 1.9 times the least error of five rates after 3,000 steps by
#: it, and at Adam's own rate to 1.16, 1.61, 1.11 and 5.8 times.
CALM = 1 / 3
#: Steps of a trial, at most and at least, and the multiplications of one (three for each of a forward pass).
STEPS, LEAST_STEPS, WORK = 300, 100, 6.0e9
#: Fewer rows to learn from say little.
LEAST_ROWS = 200


@dataclass(frozen=True)
class Trials:
    """rate : for a whole training. steps : of each trial. rates : that were tried."""

    rate: float
    steps: int
    rates: tuple[float, ...]


def trials(patient: Patient) -> Trials | None:
    """Short trainings from fresh weights at several rates, judged by the objective on rows they did not learn from.

    All rows are training rows. None where networks are too large, or rows too few, for trials that say something.
    Random: from the patient's seed. Computed once for a patient.
    """
    if patient not in _KNOWN:
        _KNOWN[patient] = _tried(patient)
    return _KNOWN[patient]


_KNOWN: WeakKeyDictionary[Patient, Trials | None] = WeakKeyDictionary()


def _tried(patient: Patient) -> Trials | None:
    training: Training = part_of_model(patient).part("training")
    learned, judged = fifth(patient.train)
    size = step_rows(training, len(learned))
    network = untrained(patient)
    optimizer = resolved(training.optimizer, "training.optimizers")
    work = 3.0 * max(1.0, operations(network)) * size + optimizer.multiplications(network.parameters())
    steps = min(STEPS, int(WORK / work))
    if steps < LEAST_STEPS or len(learned) < LEAST_ROWS:
        return None
    learned = structure_free.first(learned, steps * size)
    epochs = max(1, steps // -(-len(learned) // size))
    nats: dict[float, float] = {}
    batch = batch_of(patient, learned)
    for rate in (factor * optimizer.peak_learning_rate for factor in TRIED):
        try:
            network = shortly_trained(untrained(patient), patient, batch, rate=rate, epochs=epochs)
        except NonFiniteError:
            continue
        found = float(errors_of(patient, network, judged)[1].mean())
        if np.isfinite(found):
            nats[rate] = found
    if not nats:
        return None
    # Divisions leave digits that nobody would type.
    rate = float(f"{CALM * min(nats, key=nats.__getitem__):.3g}")
    return Trials(rate, epochs * -(-len(learned) // size), tuple(nats))
