"""The page is whole, self-contained, legible to machines, and takes whatever data there are."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

from isthmus.errors import DataError, MissingExtraError
from isthmus.metrics.baselines import BaselineFitter
from isthmus.metrics.evaluation import Evaluation
from isthmus.reports.data import ReportData, Samples
from isthmus.reports.html import render

VOID = {"meta", "img", "br", "hr", "link", "input"}


class Page(HTMLParser):
    """Collects elements and checks that every one is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def attributes(self, name: str, tag: str | None = None) -> Iterator[str]:
        for element, values in self.elements:
            if name in values and tag in (None, element):
                yield values[name] or ""


def digits(**changes: Any) -> ReportData:
    """PCA of 16 directions posing as an autoencoder of the digits, beside PCA of 8."""
    x = load_digits().data.astype(np.float32) / 16
    train, test, labels = x[:1200], x[1200:], load_digits().target[1200:]
    fitter = BaselineFitter(64)
    fitter.update(train)
    model, baselines = fitter.finish(16), fitter.finish(8)
    evaluation = Evaluation(baselines, worst=8)
    evaluation.update(test, model.pca_reconstruction(test))
    worst, errors = evaluation.worst, evaluation.errors()

    def images(rows: np.ndarray) -> np.ndarray:
        return (16 * rows).reshape(-1, 8, 8)

    data = ReportData(
        title="dense on digits",
        facts={"Data": "digits", "Seed": "0"},
        kind="image",
        held_out=evaluation.to_json(),
        history=[
            {"epoch": e, "loss": np.float32(9 / e), "validation_loss": 10 / e, "l1": 0.1} for e in range(1, 9)
        ],
        samples=Samples(
            images(test[:7]),
            images(model.pca_reconstruction(test[:7])),
            images(baselines.pca_reconstruction(test[:7])),
            rows=np.arange(7),
            labels=labels[:7],
        ),
        worst=Samples(
            images(worst.originals), images(worst.reconstructions), rows=worst.index, errors=worst.errors
        ),
        errors={name: errors[name] for name in ("model", "pca", "mean")},
        codes=model.pca_codes(test),
        labels=labels,
        per_feature=evaluation.per_feature.reshape(8, 8),
        data_range=(0, 16),
    )
    for name, value in changes.items():
        setattr(data, name, value)
    return data


@pytest.fixture(scope="module")
def text() -> str:
    return render(digits())


def test_nothing_is_loaded_from_elsewhere(text: str) -> None:
    page = Page(text)
    assert "http:" not in text and "https:" not in text and "@import" not in text
    assert not [tag for tag, _ in page.elements if tag in ("script", "link", "iframe")]
    assert all(address.startswith("data:image/png;base64,") for address in page.attributes("src"))
    targets = [*page.attributes("href"), *page.attributes("xlink:href")]
    assert all(target.startswith(("#", "data:image/png")) for target in targets)
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", text))


def test_ids_are_unique_and_links_lead_to_them(text: str) -> None:
    page = Page(text)
    ids = list(page.attributes("id"))
    assert len(ids) == len(set(ids))
    links = [*page.attributes("href"), *page.attributes("xlink:href")]
    links += re.findall(r"url\((#[^)]*)\)", text)
    assert {link[1:] for link in links if link.startswith("#")} <= set(ids)
    anchors = [link[1:] for link in page.attributes("href", "a")]
    assert anchors == ["samples", "learning", "errors", "codes", "features", "worst", "numbers", "facts"]


def test_pictures_are_described_and_captioned(text: str) -> None:
    page = Page(text)
    images = [values for tag, values in page.elements if tag == "img"]
    assert len(images) == 7 * 3 + 8 * 2
    assert all(values["alt"] for values in images)
    assert all(values.get("aria-label") for _, values in page.elements if values.get("role") == "img")
    assert text.count("<figcaption>") == 7


def test_the_numbers_are_there_in_words(text: str) -> None:
    page, document = Page(text), digits().held_out
    assert document is not None
    assert (
        f"explains {100 * document['explained_variance']:.0f}\N{NO-BREAK SPACE}% of the variance" in page.text
    )
    assert "times less error than PCA of the same size" in page.text
    assert "They show" in page.text  # the map's caption says how much of the code it shows


def test_colors_follow_the_scheme_and_size_stays_small(text: str) -> None:
    assert "prefers-color-scheme: dark" in text
    assert "#0102" not in text  # every stand-in became a variable
    assert len(text.encode()) < 400_000


def test_equal_data_give_equal_pages_and_global_settings_stay(text: str) -> None:
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    assert render(digits()) == text
    assert dict(mpl.rcParams) == before


def test_texts_are_escaped() -> None:
    evil = "<script>alert('1')</script>&\""
    data = ReportData(
        title=evil,
        facts={evil: evil},
        kind="table",
        samples=Samples(
            *[np.array([[evil, 1.5], ["b", None]], dtype=object)] * 2, labels=np.array([evil, "x"])
        ),
        feature_names=[evil, "y"],
        per_feature=np.array([1.0, 2.0]),
        codes=np.eye(3),
        labels=np.array([evil, "a", "b"]),
        history=[{"loss": 1.0, evil: 2.0, "other": 3.0}],
    )
    page = Page(render(data))
    assert not [tag for tag, _ in page.elements if tag == "script"]
    assert page.text.count(evil) >= 6


def test_a_title_alone_is_a_page() -> None:
    page = Page(render(ReportData(title="nothing yet")))
    assert "nothing yet" in page.text
    assert list(page.attributes("href", "a")) == []


def test_tables_mark_wrong_categories_and_unknown_entries() -> None:
    originals = np.array([["red", 1.0], ["blue", np.nan]], dtype=object)
    restored = np.array([["red", 1.1], ["red", 0.3]], dtype=object)
    page = Page(render(ReportData(title="t", kind="table", samples=Samples(originals, restored))))
    assert page.text.count("red \N{BALLOT X}") == 1
    assert page.text.count("unknown") == 1


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_images_of_any_channels_and_bad_pixels(channels: int) -> None:
    shape = (3, 5, 7, channels)
    originals = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    restored = originals.astype(np.float32) * 3 - 100
    restored[0, 0] = np.nan
    data = ReportData(
        title="t", kind="image", samples=Samples(originals, restored), per_feature=np.ones((5, 7, channels))
    )
    assert render(data).count("data:image/png") == 6 + 2  # the error map and its color bar are pictures, too


@pytest.mark.parametrize(
    ("codes", "labels"),
    [
        (np.random.default_rng(0).normal(size=(50, 1)), None),
        (np.random.default_rng(0).normal(size=(50, 2)), np.linspace(0, 1, 50)),
        (np.zeros((50, 5)), np.arange(50) % 25),
        (np.random.default_rng(0).normal(size=(50, 3)), np.arange(50)),
        (np.full((4, 3), np.nan), np.array(["a", "b", "a", None], dtype=object)),
        (np.random.default_rng(0).normal(size=(7000, 4)), np.array(["very long name of a class" * 3] * 7000)),
    ],
)
def test_codes_of_any_kind_are_mapped(codes: np.ndarray, labels: np.ndarray | None) -> None:
    page = Page(render(ReportData(title="t", codes=codes, labels=labels)))
    assert "Map of the codes" in page.text
    assert ("6,000 of 7,000 samples" in page.text) == (len(codes) == 7000)


@pytest.mark.parametrize(
    "history",
    [
        [{"epoch": 1, "loss": 1.0}],
        [{"epoch": 1, "loss": float("nan")}, {"epoch": 2, "loss": 2.0, "validation_loss": None}],
        [{"loss": -1.0}, {"loss": 5e9, "validation_loss": 1.0}],
    ],
)
def test_histories_of_any_kind_are_drawn(history: list[dict[str, Any]]) -> None:
    assert "Learning" in Page(render(ReportData(title="t", history=history))).text


def test_a_history_without_a_number_has_no_section() -> None:
    assert "Learning" not in Page(render(ReportData(title="t", history=[{"loss": float("nan")}]))).text


@pytest.mark.parametrize("model", [np.zeros(5), np.array([1.0, np.inf, 0.0, 2.0, 3.0]), np.full(5, 2.0)])
def test_errors_of_any_kind_are_drawn(model: np.ndarray) -> None:
    data = ReportData(title="t", errors={"model": model, "mean": np.ones(5)})
    assert "Error of each sample" in Page(render(data)).text


def test_long_vectors_are_curves_and_short_ones_tables() -> None:
    x = np.random.default_rng(0).normal(size=(9, 40))
    assert render(ReportData(title="t", samples=Samples(x, x, x))).count("<svg") == 6
    short = render(ReportData(title="t", samples=Samples(x[:, :20], x[:, :20])))
    assert "<svg" not in short
    assert "6 further columns are not shown" in short


def test_arrays_that_do_not_fit_are_refused() -> None:
    with pytest.raises(DataError, match=r"reconstructions have shape \(2, 3\), originals \(2, 4\)"):
        Samples(np.zeros((2, 4)), np.zeros((2, 3)))
    with pytest.raises(DataError, match="rows are 3, originals 2"):
        Samples(np.zeros((2, 4)), np.zeros((2, 4)), rows=np.arange(3))


def test_without_matplotlib_the_line_that_installs_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=re.escape("pip install 'isthmus[plot]'")):
        render(digits())
