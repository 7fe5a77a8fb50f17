"""The page of a diagnosis: every severity, every kind of picture, whatever the arrays hold, and nothing unescaped."""

from __future__ import annotations

import re
import sys
from typing import Any

import numpy as np
import pytest

from isthmus.codes import Gaussian
from isthmus.doctor.check import checks
from isthmus.doctor.finding import Finding, Measure, Picture, Remedy
from isthmus.doctor.report import Report
from isthmus.errors import MissingExtraError
from isthmus.penalties import L1
from isthmus.reports.data import ReportData
from isthmus.reports.diagnosis import joined, render
from isthmus.reports.evidence import evidence, readable
from isthmus.reports.patches import python_lines, settings
from reports.test_html import Page

EVIL = "<script>alert('1')</script>&\""


def finding(severity: Any = "failure", code: str = "mean-collapse", **changes: Any) -> Finding:
    """A finding of which some fields are others."""
    fields: dict[str, Any] = {
        "title": f"{code}: 3 % of the variance is explained",
        "evidence": {
            "explained_variance": Measure(
                0.0314159, "share explained", 0.018, 0.044, 1450, 0.71, "PCA of the same size"
            )
        },
        "why": "Codes of such a model say nothing.",
        "question": checks()[code].question,
    }
    if severity in ("failure", "warning"):
        fields["remedy"] = Remedy("Train more slowly.", {"training__learning_rate": 0.001 / 3})
        fields["alternatives"] = (Remedy("Look at the data."),)
    return Finding(code, severity, **(fields | changes))


def skipped(code: str = "pair-weights") -> Finding:
    return Finding(code, "skipped", "Are relations right? Not answered.", {}, "there are no relations.")


def report(*findings: Finding) -> Report:
    return Report(findings, {"judged on": "450 rows", "architecture": "Dense(hidden=(64,))"})


ILL = report(
    finding("ok", "dead-units"),
    finding("warning", "blur"),
    skipped(),
    finding("info", "redundant-code"),
    finding("failure", "mean-collapse"),
)

rng = np.random.default_rng(0)
PICTURES = {
    "long curves with a spike and gaps": Picture(
        "curves",
        {
            "training": np.where(np.arange(20_000) == 777, 1e6, 1.0),
            "validation": np.r_[np.full(5, np.nan), np.ones(20)],
        },
        "Loss.",
        x=np.arange(20_000),
        axes=("step", "nats"),
        marks={"first spike": 777.0, "unknown": float("nan")},
    ),
    "a curve of one point": Picture("curves", {"one": [2.0]}, "One."),
    "curves over powers": Picture("curves", {"a": [1, 2, 3, 4, 5]}, "Powers.", x=[1, 10, 100, 1000, 10_000]),
    "many curves": Picture("curves", {f"unit {k}": rng.normal(size=9) for k in range(30)}, "Many."),
    "few bars": Picture(
        "bars",
        {"effect": [1.4, -0.3, np.nan], "null": [0.3, 0.3]},
        "Bars.",
        names=("alcohol", "ash"),
        marks={"threshold": 0.3},
    ),
    "bars by predictor": Picture("bars", {"share": [0.1, 0.7]}, "Bars.", names=("autoencoder", "PCA")),
    "bars of zero": Picture("bars", {"share": [0.0, 0.0]}, "Bars."),
    "many named bars": Picture(
        "bars", {"a": rng.normal(size=60)}, "Bars.", names=[f"f{k}" for k in range(60)]
    ),
    "many bars": Picture("bars", {"a": rng.random(500), "b": rng.random(500)}, "Bars."),
    "a cloud": Picture(
        "scatter",
        {f"class {k}": rng.normal(size=(300 * k + 1, 2)) for k in range(12)},
        "Dots.",
        axes=("a", "b"),
    ),
    "dots of one number": Picture("scatter", {"a": rng.normal(size=7)}, "Dots."),
    "histograms": Picture(
        "histogram", {"a": rng.lognormal(0, 3, 500), "b": [1.0, np.nan]}, "Errors.", marks={"median": 1.0}
    ),
    "a histogram of one value": Picture("histogram", {"a": [3.0, 3.0]}, "Errors.", marks={"zero": 0.0}),
    "a histogram of counts": Picture("histogram", {"a": [0, 1, 1, 2]}, "Counts."),
    "a histogram beside nothing": Picture("histogram", {"a": [0.5, 1], "b": [np.nan]}, "Errors."),
    "a matrix": Picture("matrix", {"r": np.corrcoef(rng.normal(size=(5, 9)))}, "R.", names=list("abcde")),
    "a large matrix": Picture("matrix", {"r": rng.random((40, 300))}, "R.", axes=("row", "unit")),
    "a matrix with holes": Picture("matrix", {"r": [[np.nan, 2.0]]}, "R."),
    "a constant matrix": Picture("matrix", {"r": np.zeros((3, 3))}, "R."),
    "a negative matrix": Picture("matrix", {"r": -np.ones((3, 1))}, "R."),
    "gray images": Picture("images", {"data": rng.random((14, 8, 8)), "back": rng.random((3, 8, 8))}, "I."),
    "colored images": Picture("images", {"a": rng.random((2, 8, 9, 3))}, "I.", names=("-2", "2")),
    "one image with holes": Picture("images", {"a": np.where(np.eye(4)[None], 0.5, np.nan)}, "I."),
    "nothing known": Picture("curves", {"a": [np.nan, np.inf]}, "None."),
    "nothing at all": Picture("images", {}, "None."),
}


def page(*findings: Finding) -> Page:
    return Page(render(report(*findings)))


def test_a_page_loads_nothing_and_its_links_lead_somewhere() -> None:
    text = render(ILL)
    found = Page(text)
    assert "http:" not in text and "https:" not in text and "@import" not in text
    assert not [tag for tag, _ in found.elements if tag in ("script", "link", "iframe")]
    ids = list(found.attributes("id"))
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in found.attributes("href")} <= set(ids)
    assert "prefers-color-scheme: dark" in text and "#0102" not in text


def test_the_worst_is_read_first_and_what_is_fine_is_folded() -> None:
    text = render(ILL)
    found = Page(text)
    places = [found.text.rindex(code) for code in ("mean-collapse", "blur", "redundant-code", "dead-units")]
    assert places == sorted(places)
    folded = re.findall(r"<details id='([^']+)'", text)
    assert folded == ["finding-dead-units", "finding-pair-weights"]
    assert ILL.summary.replace(" %", "\N{NO-BREAK SPACE}%") in found.text
    for count in ("1 failure", "1 warning", "1 note", "1 in order", "1 skipped"):
        assert count in found.text


def test_a_finding_says_what_was_asked_found_and_can_be_done() -> None:
    found = page(finding())
    for words in (
        checks()["mean-collapse"].question,
        "Why it matters",
        "Codes of such a model say nothing.",
        "Train more slowly.",
        "ae.set_params(training__learning_rate=0.000333333)",
        "Look at the data.",
        "share explained",
        "0.0314",
        "0.0180 to 0.0440",
        "0.710",
        "PCA of the same size",
        "1,450",
    ):
        assert words in found.text, words


def test_where_to_begin_is_the_first_cause_and_not_the_worst_effect() -> None:
    first = finding("warning", "dead-units", remedy=Remedy("Let units leak."))
    text = page(first, finding("failure", "blur")).text
    assert text.index("Where to begin: dead-units") < text.index("Let units leak.")


def test_a_healthy_model_and_no_model_have_pages() -> None:
    assert "Healthy" in page(finding("ok"), skipped()).text
    assert "Where to begin" not in page(finding("ok")).text
    assert "0 failures" in page(finding("ok")).text
    assert "No check could run" in page(skipped()).text
    assert "No check could run" in Page(render(Report(()))).text


@pytest.mark.parametrize("name", PICTURES)
def test_every_picture_is_drawn_described_and_captioned(name: str) -> None:
    picture = PICTURES[name]
    text = render(report(finding(pictures=(picture,))))
    found = Page(text)
    assert text.count("<figcaption>") == 1
    assert found.text.count(picture.caption) == 1
    images = [values for tag, values in found.elements if tag == "img"]
    plots = [values for _, values in found.elements if values.get("role") == "img"]
    bars = [values for _, values in found.elements if values.get("class") in ("bar", "bar first")]
    assert bool(images or plots or bars) != name.startswith("nothing")
    assert all(values["alt"] for values in images) and all(values["aria-label"] for values in plots)
    assert len(text) < 600_000


def test_long_curves_keep_their_spikes() -> None:
    from isthmus.reports.plots import thinned

    values = np.ones(20_000)
    values[777] = 1e6
    x, y = thinned(np.arange(20_000.0), values)
    assert len(x) <= 1202
    assert x[np.argmax(y)] == 777


def test_more_than_can_be_shown_is_said() -> None:
    texts = {
        "gray images": "The first 12 of 14 are shown",
        "many named bars": "The 24 largest of 60",
        "many curves": "30 curves",
        "a matrix with holes": "Gray cells are not known",
    }
    for name, words in texts.items():
        assert words in page(finding(pictures=(PICTURES[name],))).text


def test_texts_are_escaped() -> None:
    evil = Finding(
        EVIL,
        "failure",
        EVIL,
        {EVIL: EVIL, "measure": Measure(1.0, EVIL, against=2.0, null=EVIL), "rows": [{EVIL: EVIL}]},
        EVIL,
        Remedy(EVIL, {"loss": EVIL}),
        pictures=tuple(
            Picture(kind, {EVIL: values}, EVIL, names=(EVIL, "b"), axes=(EVIL, EVIL), marks={EVIL: 1.0})
            for kind, values in (
                ("images", np.zeros((2, 3, 3))),
                ("curves", [1, 2, 3]),
                ("bars", [1, 2]),
                ("scatter", np.eye(2)),
                ("histogram", [1, 2, 2.5]),
                ("matrix", np.eye(2)),
            )
        ),
    )
    found = Page(render(Report((evil, skipped(EVIL)), {EVIL: EVIL})))
    assert not [tag for tag, _ in found.elements if tag == "script"]
    assert found.text.count(EVIL) >= 12


def test_evidence_of_any_kind_is_readable() -> None:
    from isthmus.reports.evidence import is_measure

    measure = Measure(0.5, "auc", 0.4, 0.6)
    assert is_measure(measure) and not is_measure(L1()) and not is_measure(Gaussian(4))
    assert readable(np.float32(0.123456)) == "0.123"
    assert readable(np.True_) == "yes"
    assert readable(float("nan")) == readable(None) == "\N{EN DASH}"
    assert readable(np.arange(20)) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 8 more"
    assert readable({"encoder_0": 3, "b": [1, 2]}) == "encoder 0: 3; b: 1, 2"
    assert readable([(3, 5)]) == "(3, 5)"
    assert readable([]) == readable({}) == "none"
    assert readable(measure) == "0.500 (0.400 to 0.600)"
    assert "L1(weight=0.1)" in readable(L1(0.1))
    table = Page(
        evidence(
            {"per_class": {"a": measure, "b": measure}, "features": [{"name": "ash", "p": 0.01}, {"p": 1}]}
        )
    )
    assert "per_class, a" in table.text and "ash" in table.text
    assert [tag for tag, _ in table.elements].count("table") == 2
    assert evidence({}) == ""


def test_patches_can_be_copied_and_run() -> None:
    patch = {
        "penalties": (L1(0.1 + 0.2),),
        "code": Gaussian(np.int64(4)),
        "training__max_epochs": np.int64(80),
    }
    lines = python_lines(patch)
    assert lines.splitlines()[:2] == [
        "from isthmus.codes import Gaussian",
        "from isthmus.penalties import L1",
    ]
    assert "80" in lines and "np." not in lines
    seen: dict[str, Any] = {}

    class Stand:
        def set_params(self, **values: Any) -> None:
            seen.update(values)

    exec(lines, {"ae": Stand()})  # noqa: S102 (lines of our own, run as a user would)
    assert seen["penalties"][0].weight == pytest.approx(0.3)
    assert seen["code"] == Gaussian(4)
    assert settings({"penalties": (L1(0.5),)}) == "--set 'penalties=(L1(weight=0.5),)'"
    assert python_lines({}) == settings({}) == ""


def test_a_model_page_takes_a_diagnosis_in() -> None:
    text = joined(ReportData(title="dense", facts={"seed": "0"}), ILL)
    found = Page(text)
    ids = list(found.attributes("id"))
    assert len(ids) == len(set(ids))
    assert {"diagnosis", "facts", "finding-mean-collapse"} <= set(ids)
    assert list(found.attributes("href", "a"))[:2] == ["#diagnosis", "#facts"]
    assert found.text.index("Diagnosis") < found.text.index("How it was made")


def test_equal_reports_give_equal_pages() -> None:
    drawn = report(finding(pictures=(PICTURES["a matrix"], PICTURES["histograms"], PICTURES["histograms"])))
    text = render(drawn)
    assert render(drawn) == text
    ids = list(Page(text).attributes("id"))
    assert len(ids) == len(set(ids))


def test_without_matplotlib_the_line_that_installs_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match="pip install"):
        render(report(finding(pictures=(PICTURES["histograms"],))))
