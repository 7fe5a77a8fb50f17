"""The report of a diagnosis: a page of its own, or a part of a model's page."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from typing import TYPE_CHECKING

from isthmus.reports.drawings import figure
from isthmus.reports.evidence import evidence
from isthmus.reports.html import Page, page_of
from isthmus.reports.patches import python_lines
from isthmus.reports.tables import escaped, facts_table

if TYPE_CHECKING:
    from isthmus.doctor.finding import Finding, Remedy
    from isthmus.doctor.report import Report
    from isthmus.reports.data import ReportData

# From harmful to harmless: severity, its sign, what one and what several are called.
_SEVERITIES = {
    "failure": ("\N{MULTIPLICATION X}", "failure", "failures"),
    "warning": ("!", "warning", "warnings"),
    "info": ("i", "note", "notes"),
    "ok": ("\N{CHECK MARK}", "in order", "in order"),
    "skipped": ("\N{EN DASH}", "skipped", "skipped"),
}
_FOLDED = {"ok": "in-order", "skipped": "not-answered"}  # sections whose findings are behind their titles


def render(report: Report) -> str:
    """A page of its own as text. Raises MissingExtraError when matplotlib is not installed."""
    return Page(
        title="Diagnosis of an autoencoder",
        summary=f"<span class='counts'>{_counts(report, none=False)}</span>",
        links="<a href='#looked-at'>What was looked at</a>",
        lead=_block(report, alone=True),
        styles=_styles(),
    ).text()


def joined(data: ReportData, report: Report) -> str:
    """The page of a model with a diagnosis before its sections, as text.

    Raises MissingExtraError when matplotlib is not installed.
    """
    page = page_of(data)
    return dataclasses.replace(
        page,
        links=f"<a href='#diagnosis'>Diagnosis</a>{page.links}",
        lead=page.lead + _block(report, alone=False),
        styles=_styles(),
    ).text()


def _styles() -> str:
    return files("isthmus.reports").joinpath("diagnosis.css").read_text(encoding="utf-8")


def _block(report: Report, *, alone: bool) -> str:
    """The diagnosis; ``alone`` on a page that has nothing else."""
    cards = "".join(_cards(report, facts=alone))
    return f"<div class='diagnosis'>{_lead(report, heading=not alone)}{cards}</div>"


def _lead(report: Report, *, heading: bool) -> str:
    """The verdict in a sentence, counts, and where to begin."""
    title = "<h2>Diagnosis</h2>" if heading else ""
    verdict = f"<p class='verdict'>{_text(report.summary)}</p>"
    counts = f"<p class='counts'>{_counts(report, none=True)}</p>"
    return (
        f"<section class='lead {_worst(report)}' id='diagnosis'><div>{title}{verdict}{counts}{_others(report)}</div>"
        f"<div>{_beginning(report)}</div></section>"
    )


def _worst(report: Report) -> str:
    severities = {finding.severity for finding in report.findings}
    return next((name for name in _SEVERITIES if name in severities), "skipped")


def _counts(report: Report, *, none: bool) -> str:
    """How many findings there are of each severity, each a link; those there are none of only as good news."""
    shown = ""
    for severity, (_, one, several) in _SEVERITIES.items():
        there = [finding for finding in report.findings if finding.severity == severity]
        text = f"<b>{len(there)}</b> {one if len(there) == 1 else several}"
        if there:
            anchor = _FOLDED.get(severity, _anchor(there[0]))
            shown += f"<a class='count {severity}' href='#{anchor}'>{text}</a>"
        elif none and severity in ("failure", "warning"):
            shown += f"<span class='count none'>{text}</span>"
    return shown


def _others(report: Report) -> str:
    """What else is wrong, besides what the verdict says."""
    items = "".join(
        f"<li><a href='#{_anchor(finding)}'>{escaped(finding.code)}</a> {_text(finding.title)}</li>"
        for finding in report.bad[1:]
    )
    return f"<ul class='others'>{items}</ul>" if items else ""


def _beginning(report: Report) -> str:
    """The first remedy of the first cause, or what a healthy model was judged on."""
    first = next((finding for finding in report.findings if finding.bad and finding.remedies), None)
    if first is None:
        facts = "".join(
            f"<p><span>{escaped(name)}</span> {escaped(text)}</p>"
            for name, text in list(report.facts.items())[:3]
        )
        return f"<div class='judged'>{facts}</div>"
    return (
        f"<p class='over'>Where to begin: <a href='#{_anchor(first)}'>{escaped(first.code)}</a>, "
        "since causes come before effects</p>"
        f"{_remedy(first.remedies[0])}"
    )


def _cards(report: Report, *, facts: bool) -> Iterator[str]:
    """Every section, the worst first."""
    informative = [finding for finding in report.findings if finding.severity == "info"]
    for finding in (*report.bad, *informative):
        yield _open(finding)
    for severity, title in (("ok", "In order"), ("skipped", "Not answered")):
        rest = [finding for finding in report.findings if finding.severity == severity]
        if rest:
            folded = "".join(map(_folded, rest))
            yield f"<section class='card wide' id='{_FOLDED[severity]}'><h2>{title}</h2>{folded}</section>"
    if facts and report.facts:
        table = facts_table(report.facts)
        yield f"<section class='card wide' id='looked-at'><h2>What was looked at</h2>{table}</section>"


def _anchor(finding: Finding) -> str:
    return "finding-" + re.sub(r"[^\w-]+", "-", finding.code)


def _text(sentence: str) -> str:
    """Escaped; numbers and their percent signs stay on one line."""
    return escaped(sentence).replace(" %", "&nbsp;%")


def _badge(severity: str) -> str:
    sign, name, _ = _SEVERITIES[severity]
    return f"<span class='badge {severity}'><i aria-hidden='true'>{sign}</i>{name}</span>"


def _open(finding: Finding) -> str:
    """A finding that is to be read."""
    asks = f"<span class='question'>{escaped(finding.question)}</span>" if finding.question else ""
    return (
        f"<section class='card wide finding {finding.severity}' id='{_anchor(finding)}'>"
        f"<p class='which'>{_badge(finding.severity)}<code>{escaped(finding.code)}</code>{asks}</p>"
        f"<h2>{_text(finding.title)}</h2>{_body(finding)}</section>"
    )


def _folded(finding: Finding) -> str:
    """A finding that need not be read, behind its title."""
    asked = finding.question and finding.question not in finding.title
    body = f"<p class='question'>{escaped(finding.question)}</p>" if asked else ""
    body += f"<p>{_text(finding.why)}</p>" if finding.severity == "skipped" else _body(finding)
    return (
        f"<details id='{_anchor(finding)}'><summary>{_badge(finding.severity)}<code>{escaped(finding.code)}</code>"
        f"<span class='title'>{_text(finding.title)}</span></summary><div class='inside'>{body}</div></details>"
    )


def _body(finding: Finding) -> str:
    drawn = "".join(
        figure(picture, name=f"{_anchor(finding)}-{place}") for place, picture in enumerate(finding.pictures)
    )
    words = f"<div>{_why(finding)}</div><div>{_remedies(finding.remedies)}</div>".replace("<div></div>", "")
    story = f"<div class='words'>{words}</div>"
    shape = "none"
    if drawn:
        # Beside the words where they are about as long as the pictures, else below them and side by side.
        beside = len(finding.pictures) <= max(1, min(2, len(finding.remedies)))
        pictures = f"<div class='pictures'>{drawn}</div>"
        story, shape = (pictures + story, "one") if beside else (story + pictures, "several")
    numbers = evidence(finding.evidence)
    numbers = f"<div class='evidence'><h3>The numbers</h3>{numbers}</div>" if numbers else ""
    return f"<div class='story {shape}'>{story}</div>{numbers}"


def _why(finding: Finding) -> str:
    title = "Why it matters" if finding.bad else "What that means"
    return f"<h3>{title}</h3><p>{_text(finding.why)}</p>" if finding.why else ""


def _remedies(remedies: Sequence[Remedy]) -> str:
    if not remedies:
        return ""
    if len(remedies) == 1:
        return f"<h3>What to do</h3>{_remedy(remedies[0])}"
    items = "".join(f"<li>{_remedy(remedy)}</li>" for remedy in remedies)
    return f"<h3>What to do, in this order</h3><ol class='remedies'>{items}</ol>"


def _remedy(remedy: Remedy) -> str:
    return f"<p>{_text(remedy.text)}</p>{_code(remedy.patch)}"


def _code(patch: Mapping[str, object]) -> str:
    """Lines of Python to copy; a click selects them all."""
    lines = python_lines(patch)
    return f"<pre class='patch' tabindex='0'><code>{escaped(lines)}</code></pre>" if lines else ""
