"""``isthmus diagnose``."""

from __future__ import annotations

import shlex
import shutil
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from isthmus.cli import messages
from isthmus.cli.failures import FAULT, ILL
from isthmus.cli.options import Allow, Json, Overwrite, Quiet

if TYPE_CHECKING:
    from isthmus.doctor.check import Check
    from isthmus.doctor.diagnosis import Progress
    from isthmus.doctor.finding import Finding
    from isthmus.doctor.report import Report
    from isthmus.estimator import Autoencoder

_WIDEST = 110


def diagnose(
    model: Path,
    /,
    *,
    train: str,
    test: str | None = None,
    labels: str | None = None,
    test_labels: str | None = None,
    checks: str | None = None,
    seed: Annotated[int, Parameter(validator=Number(gte=0))] = 0,
    report: Path | None = None,
    allow: Allow = (),
    overwrite: Overwrite = False,
    strict: bool = False,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Tell what is wrong with a model, why, and what cures it; exit status 0 whatever is found, but for --strict.

    Parameters
    ----------
    model : folder that fit wrote.
    train : the data that the model was trained on.
    test : data that it was not trained on; without them training rows are judged and some checks are skipped.
    labels : a column of both data sets, or a file with one label a row of the training data; the labels that
        data bring by themselves are used without it.
    test_labels : a file with one label a row of the test data, beside a file for the training data.
    checks : codes of the checks to run, separated by commas; all by default.
    seed : of the rows that are looked at and of all chance in the checks, 0 by default.
    report : an HTML page to write as well, one file that works offline; needs isthmus[plot].
    allow : module of your own whose code the model may import, as often as needed.
    overwrite : replace an existing report.
    strict : end with status 3 where there is a failure, so that a script can stop there; warnings do not count. A
        check that broke off makes it 1, since its answer is not known.
    quiet : show no progress.
    json : print one JSON document.
    """
    from isthmus.cli.outputs import check_report
    from isthmus.cli.streaming import opened_model
    from isthmus.doctor import diagnose as diagnosis
    from isthmus.doctor.check import chosen

    codes = _codes(checks)
    chosen(codes)
    if report is not None:
        check_report(report, overwrite=overwrite)
    loaded = opened_model(model, allow=allow)
    rows = labelled_rows(loaded, train, test, labels, test_labels)
    with examining(quiet=quiet) as progress:
        found = diagnosis(loaded, **rows, checks=codes, random_state=seed, progress=progress)
    if report is not None:
        found.to_html(report, overwrite=overwrite)
    for fault in found.faults:
        messages.note(f"{fault.code}: {fault.why}")
    if json:
        messages.show_json(found.to_json())
    else:
        messages.show(words(found))
        if not found.healthy:
            messages.show(f"\n{_next(model, train, test)}")
        if report is not None:
            messages.show(f"\nThe report is in {report}.")
    if strict and (found.failed or found.faults):
        raise SystemExit(ILL if found.failed else FAULT)


def _next(model: Path, train: str, test: str | None) -> str:
    beside = "" if test is None else f" --test {shlex.quote(test)}"
    command = f"isthmus treat {shlex.quote(str(model))} --train {shlex.quote(train)}{beside} --out TREATED"
    return f"Next: {command} tries these and keeps what helps."


def _codes(text: str | None) -> list[str] | None:
    """Codes separated by commas; None for all. Raises ParameterError for none at all."""
    from isthmus.errors import ParameterError

    if text is None:
        return None
    codes = [code.strip() for code in text.split(",") if code.strip()]
    if not codes:
        raise ParameterError(
            "--checks names no check: give codes such as blur,mean-collapse, or leave it out for all."
        )
    return codes


def labelled_rows(
    model: Autoencoder, train: str, test: str | None, labels: str | None, test_labels: str | None
) -> dict[str, Any]:
    """Arguments ``X_train``, ``X_test``, ``y_train`` and ``y_test`` of the doctor, out of what the user named.

    labels : a column of both data sets or a file for the training rows. test_labels : a file for the test rows.

    Raises: ParameterError for labels that have no rows, DataError for another number of labels than of rows.
    """
    from isthmus.cli.evaluate import labelled
    from isthmus.errors import ParameterError

    if test_labels is not None and test is None:
        raise ParameterError("--test-labels needs --test, the rows whose labels they are.")
    if test_labels is not None and labels is None:
        raise ParameterError("--test-labels needs --labels, the labels of the training rows.")
    X_train, y_train = labelled(model, train, labels)
    rows: dict[str, Any] = {"X_train": X_train, "y_train": y_train}
    if test is not None:
        column = None if labels is None or _is_file(labels) else labels
        rows["X_test"], rows["y_test"] = labelled(model, test, test_labels or column)
        if y_train is not None and rows["y_test"] is None:
            messages.note(
                "the test rows have no labels, so checks that need labels are skipped: give --test-labels FILE."
            )
    return rows


def _is_file(text: str) -> bool:
    return Path(text).expanduser().exists() or ".npz:" in text


@contextmanager
def examining(*, quiet: bool = False) -> Iterator[Progress | None]:
    """What shows on standard error which check runs: a live bar on a terminal, a line a check elsewhere."""
    if quiet or not messages.speaks():
        yield None
    elif sys.stderr.isatty():
        with _bar() as progress:
            yield progress
    else:
        yield _line


def _line(number: int, count: int, check: Check) -> None:
    messages.tell(f"{number + 1:>2}/{count}  {check.code}: {check.question}")


@contextmanager
def _bar() -> Iterator[Progress]:
    """One live line: the number of the check, a bar, and what it asks; gone at the end."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    shown = Progress(
        TextColumn("{task.completed}/{task.total}"),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
        console=Console(stderr=True),
        transient=True,
    )
    task = shown.add_task("", total=None)

    def progress(number: int, count: int, check: Check) -> None:
        shown.update(task, completed=number, total=count, description=f"{check.code}: {check.question}")

    with shown:
        yield progress


def words(report: Report) -> str:
    """A diagnosis for a terminal: the verdict, every finding in a line, remedies, what was skipped and why."""
    answered = [finding for finding in report.findings if finding.severity != "skipped"]
    order = {"failure": 0, "warning": 1, "info": 2, "ok": 3}
    answered.sort(key=lambda finding: order[finding.severity])
    skipped = [finding for finding in report.findings if finding.severity == "skipped"]
    parts = [_wrapped(report.summary), _listed(answered)]
    parts += [_cure(finding) for finding in report.bad if finding.remedies]
    parts.append(_passed_over(skipped))
    return "\n\n".join(part for part in parts if part)


def _listed(findings: list[Finding]) -> str:
    """Severity, code and title of each in columns."""
    span = max((len(finding.code) for finding in findings), default=0)
    return "\n".join(
        _wrapped(finding.title, f"{finding.severity:<9}{finding.code:<{span}}  ") for finding in findings
    )


def _cure(finding: Finding) -> str:
    """Why a finding matters and what to do, in the order to try."""
    from isthmus.reports.patches import settings

    lines = [f"{finding.code}: what to do", _wrapped(finding.why, "  ")]
    for number, remedy in enumerate(finding.remedies, 1):
        lines.append(_wrapped(remedy.text, f"  {number}. "))
        if remedy.patch:
            lines.append(f"     isthmus fit ... {settings(remedy.patch)}")
    return "\n".join(lines)


def _passed_over(findings: list[Finding]) -> str:
    if not findings:
        return ""
    span = max(len(finding.code) for finding in findings)
    return "\n".join(
        ["Skipped:", *(_wrapped(finding.why, f"  {finding.code:<{span}}  ") for finding in findings)]
    )


def _wrapped(text: str, start: str = "") -> str:
    """Text after ``start``, its further lines below its first."""
    width = min(shutil.get_terminal_size((_WIDEST, 24)).columns, _WIDEST) if sys.stdout.isatty() else _WIDEST
    room = max(width, len(start) + 30)
    return textwrap.fill(
        messages.one_line(text), room, initial_indent=start, subsequent_indent=" " * len(start)
    )
