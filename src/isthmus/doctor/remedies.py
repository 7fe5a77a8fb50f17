"""Remedies that several checks offer, as changes of parts."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from isthmus.architectures.branches import Branches
from isthmus.codes.gaussian import Gaussian
from isthmus.corruptions.levelled import LevelledCorruption
from isthmus.doctor.finding import Remedy
from isthmus.doctor.rates import trials
from isthmus.doctor.retraining import part_of_model, peak_rate
from isthmus.doctor.statistics.asked import costly
from isthmus.errors import ParameterError
from isthmus.objective import RECONSTRUCTION, Objective
from isthmus.training.loop import resolved
from isthmus.training.schedules.constant import Constant

if TYPE_CHECKING:
    from isthmus.doctor.patient import Patient
    from isthmus.estimator import Autoencoder
    from isthmus.training.training import Training

#: A learning rate so many times the optimizer's own, or so much less, is far from what suits most data.
FAR = 5.0
#: Steps that suit a small network: those of the hospital come to their end in a thousand to three thousand.
USUAL_STEPS = 3_000
#: What a penalty that outweighed the data is made to cost when a training begins, in what the reconstruction costs.
SHARE = 0.01


def usual(patient: Patient) -> list[Remedy]:
    """The settings that suit most trainings, where this one's are far from them: several mistakes are one remedy."""
    training: Training = part_of_model(patient).part("training")
    rate = peak_rate(training)
    patch: dict[str, Any] = {}
    words = []
    if far(training):
        patch["training__learning_rate"], told = tried_rate(patient)
        words.append(f"{told} instead of {rate:g}")
    if rate >= FAR * own_rate(training):
        epochs = max(3 * training.max_epochs, usual_epochs(training, patient.train.total))
        patch["training__max_epochs"] = epochs
        words.append(f"for {epochs} epochs, since short steps take more of them")
    if not training.shuffle:
        patch["training__shuffle"] = True
        words.append("with rows shuffled in every epoch")
    if patch and isinstance(resolved(training.schedule, "training.schedules"), Constant):
        patch["training__schedule"] = "cosine"
        words.append("with a rate that falls to 0 at the end")
    return [Remedy(f"Train as suits most data: {', '.join(words)}.", patch)] if patch else []


def far(training: Training) -> bool:
    """Whether the learning rate is far from the optimizer's own."""
    return not 1 / FAR < peak_rate(training) / own_rate(training) < FAR


def own_rate(training: Training) -> float:
    """The learning rate of the optimizer where none is given."""
    return float(resolved(training.optimizer, "training.optimizers").peak_learning_rate)


def tried_rate(patient: Patient) -> tuple[float | None, str]:
    """A learning rate for a training from fresh weights, None for the optimizer's own, and what it is in words."""
    found = trials(patient)
    if found is None:
        return None, f"at the optimizer's own rate of {own_rate(part_of_model(patient).part('training')):g}"
    among = ", ".join(f"{rate:g}" for rate in found.rates)
    return (
        found.rate,
        f"at a rate of {found.rate:g}, a third of the best of {among} in trials of {found.steps} steps,",
    )


def usual_epochs(training: Training, rows: int) -> int:
    """Epochs of :data:`USUAL_STEPS` steps."""
    return -(-USUAL_STEPS // -(-rows // training.batch_size))


def relieved(model: Autoencoder) -> list[Remedy]:
    """Less weight for penalties that cost more than the reconstruction itself when the training began.

    What they cost later does not show it: a network that gives way to them makes them cheap. A divergence from the
    prior that outweighs the bound on the likelihood comes first.
    """
    code, found = model.part("code"), []
    if isinstance(code, Gaussian) and code.beta > 1:
        text = f"Weigh the divergence from the prior as the bound on the likelihood does, 1 instead of {code.beta:g}."
        found.append(Remedy(text, {"code__beta": 1.0}))
    first: dict[str, Any] = next((record for record in model.history_ if "stage" not in record), {})
    reconstruction = first.get(RECONSTRUCTION, 0.0)
    heavy = costly(model.penalties)
    penalties, words = [], []
    for penalty, name in zip(model.penalties, Objective(model.network_).penalty_names, strict=True):
        cost = first.get(f"{name}_penalty", first.get(name, 0.0))
        if penalty in heavy and 0 < reconstruction < cost:
            weight = float(f"{SHARE * penalty.weight * reconstruction / cost:.2g}")
            words.append(
                f"{type(penalty).__name__} {weight:g} instead of {penalty.weight:g}, since it cost {cost:.3g} nats a "
                f"row at the start and the reconstruction {reconstruction:.3g}"
            )
            penalty = dataclasses.replace(penalty, weight=weight)
        penalties.append(penalty)
    if words:
        text = f"Weigh penalties that outweigh the data less: {'; '.join(words)}."
        found.append(Remedy(text, {"penalties": tuple(penalties)}))
    return found


def lighter(model: Autoencoder) -> list[Remedy]:
    """Less of what a model is asked for beside small errors: divergence from the prior, damage, penalties."""
    found = []
    code = model.part("code")
    if isinstance(code, Gaussian) and code.beta:
        text = "Weigh the divergence from the prior less: it may cost more than the code is worth."
        found.append(Remedy(text, {"code__beta": code.beta / 10}))
    if isinstance(model.corruption, LevelledCorruption):
        corruption = model.corruption
        strength = float(f"{getattr(corruption, corruption.strength) / 4:.2g}")
        less: dict[str, Any] = {corruption.strength: strength, "floor": corruption.floor / 4}
        text = f"Damage the input less ({corruption.strength} {strength:g}): what cannot be restored is averaged."
        found.append(Remedy(text, {"corruption": dataclasses.replace(corruption, **less)}))
    heavy = costly(model.penalties)
    if heavy:
        penalties = tuple(
            dataclasses.replace(one, weight=one.weight / 10) if one in heavy else one
            for one in model.penalties
        )
        found.append(
            Remedy("Weigh the penalties a tenth: they may outweigh the data.", {"penalties": penalties})
        )
    return found


def resized(model: Autoencoder | None, size: int) -> dict[str, Any]:
    """Parameters for ``set_params`` that give a model's code ``size`` units; empty where its parts do not allow it.

    Parts that count units of their own, such as the two of a divided code or the units kept of a sparse one, must
    still fit in. Empty for None, a pair of functions.
    """
    if model is None or size < 1:
        return {}
    code = model.part("code")
    if not any(field.name == "size" for field in dataclasses.fields(code)):
        return {}
    if size <= _units_counted(model):
        return {}
    try:
        dataclasses.replace(code, size=size)
    except ParameterError:
        return {}
    return {"code": size} if isinstance(model.code, int) else {"code__size": size}


def _units_counted(model: Autoencoder) -> int:
    """The largest place in a code that another part names."""
    named = [0]
    architecture = model.part("architecture")
    if isinstance(architecture, Branches):
        named.append(architecture.first_size or 1)
    for penalty in model.penalties:
        named.append(getattr(penalty, "split", None) or 0)
        named.append((getattr(penalty, "units", None) or (0, 0))[1] - 1)
    return max(named)
