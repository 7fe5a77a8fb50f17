"""``isthmus treat``."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from isthmus.cli import messages
from isthmus.cli.options import Allow, Json, Overwrite, Quiet

if TYPE_CHECKING:
    from isthmus.doctor import Attempt, Report, Treatment
    from isthmus.estimator import Autoencoder

_WIDTH = 110


def treat(
    model: Path,
    /,
    *,
    train: str,
    out: Path,
    test: str | None = None,
    labels: str | None = None,
    test_labels: str | None = None,
    budget: Annotated[int, Parameter(validator=Number(gte=1))] = 12,
    seconds: Annotated[float | None, Parameter(validator=Number(gt=0))] = None,
    seed: Annotated[int, Parameter(validator=Number(gte=0))] = 0,
    allow: Allow = (),
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Cure what the doctor finds: change one thing, train anew, keep it only where it helps and harms nothing.

    Parameters
    ----------
    model : folder that fit wrote; it is not changed.
    train : the data that it was trained on.
    out : folder for the treated model, whose training summary holds what was tried; written only when
        something was kept.
    test : held-out data to judge by; without them a fifth of the training rows is held out.
    labels : a column of the data that holds labels, or a file with one label a training row.
    test_labels : a file with one label a held-out row, where --labels is a file.
    budget : trainings at most, 12 by default.
    seconds : after so many no training is begun.
    seed : of the checks and of what is held out, 0 by default; trainings keep the model's own.
    allow : module of your own whose code the model may import, as often as needed.
    overwrite : replace an existing model.
    quiet : show no progress.
    json : print one JSON document.
    """
    from isthmus.cli.diagnose import labelled_rows
    from isthmus.cli.interruption import Interrupted
    from isthmus.cli.outputs import check_model_output
    from isthmus.cli.progress import watcher
    from isthmus.cli.streaming import opened_model
    from isthmus.doctor import TreatmentInterrupted
    from isthmus.doctor import treat as treated
    from isthmus.errors import ParameterError

    if test_labels is not None and (test is None or labels is None):
        raise ParameterError("--test-labels needs --test, whose labels they are, and --labels beside them.")
    out = out.expanduser()
    if messages.speaks():
        check_model_output(out, overwrite=overwrite)
    loaded = opened_model(model, allow=allow)
    rows = labelled_rows(loaded, train, test, labels, test_labels)
    try:
        cured, history = treated(
            loaded,
            **rows,
            budget=budget,
            seconds=seconds,
            random_state=seed,
            progress=None if quiet else messages.tell,
            watcher=watcher(quiet=quiet),
        )
    except TreatmentInterrupted as error:
        raise Interrupted(_interrupted(error.model, error.history, out, overwrite=overwrite)) from error
    _save(cured, history, out, overwrite=overwrite)
    where = str(out) if history.accepted else None
    if json:
        messages.show_json(history.to_json() | {"model": where})
    else:
        messages.show(_words(history, where))


def _save(model: Autoencoder, history: Treatment, out: Path, *, overwrite: bool) -> None:
    """Write the model where something was kept: a copy of the one given would look like a cure."""
    if history.accepted and messages.speaks():
        model.save(out, overwrite=overwrite)


def _interrupted(model: Autoencoder, history: Treatment, out: Path, *, overwrite: bool) -> str:
    _save(model, history, out, overwrite=overwrite)
    tried = messages.counted(len(history), "attempt")
    if not history.accepted:
        return f"interrupted after {tried}, none of which was kept, so nothing was written."
    return f"interrupted after {tried}; the model with what was kept until then is in {out}."


def _words(history: Treatment, where: str | None) -> str:
    lines = [_filled(note) for note in history.notes]
    lines += ["before", *_findings(history.before)]
    if history.attempts:
        lines.append("tried")
        for number, attempt in enumerate(history, 1):
            lines += _attempt(number, attempt)
    if history.accepted:
        lines += ["after", *_findings(history.after)]
    end = f"The treated model is in {where}." if where else "Nothing was written: there is no better model."
    return "\n".join([*lines, "", _filled(f"{history.summary} {end}")])


def _findings(report: Report) -> list[str]:
    if not report.bad:
        return [_filled(report.summary, 2)]
    return [_filled(f"{finding.severity:<9}{finding.code}: {finding.title}", 2, 11) for finding in report.bad]


def _attempt(number: int, attempt: Attempt) -> list[str]:
    verdict = "kept" if attempt.accepted else "rolled back"
    patch = ", ".join(f"{name.replace('__', '.')}={value!r}" for name, value in attempt.patch.items())
    return [
        _filled(f"{number:>2}. {verdict}, for {attempt.code}: {attempt.remedy}", 2, 6),
        _filled(patch, 6),
        _filled(f"{attempt.reason[0].upper()}{attempt.reason[1:]}", 6),
    ]


def _filled(text: str, indent: int = 0, hanging: int | None = None) -> str:
    later = " " * (indent if hanging is None else hanging)
    return textwrap.fill(text, _WIDTH, initial_indent=" " * indent, subsequent_indent=later)
