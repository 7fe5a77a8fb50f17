"""The doctor on the command line: text for people, one document for programs, one sentence for what cannot be."""

import io
import json
import sys

import numpy as np
import pytest

from cli.small import listing
from isthmus import diagnose, load
from isthmus.cli.diagnose import examining, words
from isthmus.cli.main import main
from isthmus.doctor import Finding, Remedy, Report
from isthmus.doctor.check import checks

CHECK = ("--checks", "mean-collapse")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A small model of the digits, poor but no disaster."""
    path = tmp_path_factory.mktemp("diagnosed") / "model"
    settings = ("--epochs", "4", "--set", "training.learning_rate=0.003", "--set", "training.threads=1")
    assert (
        main(
            ["fit", "digits", "--out", str(path), "--quiet", "--hidden", "32", "--code-size", "4", *settings]
        )
        == 0
    )
    return path


def test_one_document_and_nothing_else(isthmus, model):
    answer = isthmus("diagnose", model, "--train", "digits", "--test", "digits", *CHECK, "--json")
    assert answer.status == 0
    document = json.loads(answer.out)
    found = diagnose(load(model), "digits", "digits", checks=["mean-collapse"])
    assert document == json.loads(json.dumps(found.to_json()))
    assert [finding["code"] for finding in document["findings"]] == ["mean-collapse"]
    assert answer.err.splitlines() == [f" 1/1  mean-collapse: {checks()['mean-collapse'].question}"]


def test_people_get_the_verdict_first_and_quiet_says_no_more(isthmus, model):
    answer = isthmus("diagnose", model, "--train", "digits", *CHECK, "--quiet")
    assert (answer.status, answer.err) == (0, "")
    report = diagnose(load(model), "digits", checks=["mean-collapse"])
    assert answer.out.startswith(report.summary.split(":")[0])
    assert report["mean-collapse"].severity in answer.out
    assert ("Next: isthmus treat" in answer.out) != report.healthy


def test_what_is_ill_is_listed_with_its_cure_and_what_was_skipped_with_its_reason():
    bad = Finding(
        "blur", "warning", "It is blurred", {}, "Strokes matter.", Remedy("More code.", {"code": 16})
    )
    worse = Finding("mean-collapse", "failure", "It averages", {}, "Why.", Remedy("Collect more rows."))
    skipped = Finding("pair-weights", "skipped", "Pairs? Not answered.", {}, "there are no pairs.")
    fine = Finding("dead-units", "ok", "None is dead", {}, "Good.")
    text = words(Report((fine, bad, skipped, worse)))
    lines = text.splitlines()
    assert lines[0] == "It averages. 1 more finding below."
    assert lines[2:5] == [
        "failure  mean-collapse  It averages",
        "warning  blur           It is blurred",
        "ok       dead-units     None is dead",
    ]
    assert "     isthmus fit ... --set code=16" in lines
    assert text.index("Collect more rows.") < text.index("More code.")
    assert lines[-2:] == ["Skipped:", "  pair-weights  there are no pairs."]


def test_a_gate_closes_on_a_failure_and_on_nothing_less(isthmus, model, monkeypatch):
    def with_a(severity, **more):
        finding = Finding("mean-collapse", severity, "Something", {}, "Why.", **more)
        monkeypatch.setattr("isthmus.doctor.diagnose", lambda *args, **named: Report((finding,)))
        run = ("diagnose", model, "--train", "digits")
        plain, gate = isthmus(*run), isthmus(*run, "--strict", "--json")
        assert plain.status == 0
        assert json.loads(gate.out)["findings"][0]["severity"] == severity
        return gate

    assert with_a("failure").status == 3
    assert with_a("warning").status == 0
    assert with_a("skipped").status == 0
    broken = with_a("skipped", fault=True)
    assert broken.status == 1
    assert broken.err == "isthmus: note: mean-collapse: Why.\n"


def test_a_report_is_written_and_never_replaced_unasked(isthmus, model, tmp_path):
    pytest.importorskip("matplotlib", reason="the report draws with matplotlib")
    page = tmp_path / "diagnosis.html"
    run = ("diagnose", model, "--train", "digits", *CHECK, "--report", page)
    answer = isthmus(*run)
    assert answer.status == 0
    assert f"The report is in {page}." in answer.out
    assert "Diagnosis of an autoencoder" in page.read_text()
    assert isthmus(*run).status == 2
    assert isthmus(*run, "--overwrite").status == 0


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A model of two columns of a table whose third column holds labels."""
    place = tmp_path_factory.mktemp("table")
    rng = np.random.default_rng(0)
    for name in ("train", "test"):
        kind = rng.integers(0, 2, 80)
        rows = [
            f"{a:.3f},{a + b:.3f},{'rot' if c else 'blau'}"
            for a, b, c in zip(*rng.normal(size=(2, 80)), kind, strict=True)
        ]
        (place / f"{name}.csv").write_text("\n".join(["a,b,kind", *rows]) + "\n")
        np.save(place / f"{name}.npy", kind)
    command = ["fit", str(place / "train.csv"), "--target", "kind", "--out", str(place / "model"), "--quiet"]
    assert (
        main([*command, "--epochs", "2", "--hidden", "4", "--code-size", "1", "--set", "training.threads=1"])
        == 0
    )
    return place


def rows_given(monkeypatch):
    """What the doctor is called with."""
    given = {}

    def stand_in(model, X_train, X_test=None, **rest):
        given.update(rest, X_train=X_train, X_test=X_test)
        return Report(())

    monkeypatch.setattr("isthmus.doctor.diagnose", stand_in)
    return given


def test_labels_are_a_column_of_both(isthmus, table, monkeypatch):
    given = rows_given(monkeypatch)
    data = ("--train", table / "train.csv", "--test", table / "test.csv")
    answer = isthmus("diagnose", table / "model", *data, "--labels", "kind", "--seed", "3")
    assert (answer.status, answer.err) == (0, "")
    assert given["random_state"] == 3
    for name in ("train", "test"):
        expected = np.where(np.load(table / f"{name}.npy"), "rot", "blau")
        np.testing.assert_array_equal(given[f"y_{name}"], expected)


def test_labels_are_a_file_each(isthmus, table, monkeypatch):
    given = rows_given(monkeypatch)
    data = ("--train", table / "train.csv", "--test", table / "test.csv")
    files = ("--labels", table / "train.npy", "--test-labels", table / "test.npy")
    assert isthmus("diagnose", table / "model", *data, *files).status == 0
    np.testing.assert_array_equal(given["y_test"], np.load(table / "test.npy"))
    answer = isthmus("diagnose", table / "model", *data, *files[:2])
    assert answer.status == 0
    assert "--test-labels" in answer.err
    assert given["y_test"] is None


def test_labels_of_built_in_sets_come_by_themselves(isthmus, model, monkeypatch):
    given = rows_given(monkeypatch)
    assert isthmus("diagnose", model, "--train", "digits", "--test", "digits").status == 0
    assert set(given["y_train"]) == set(given["y_test"])
    assert len(set(given["y_test"])) == 10


REFUSED = [
    ("an unknown check", ["--train", "digits", "--checks", "mean-colapse"], "'mean-collapse'"),
    ("no check", ["--train", "digits", "--checks", ","], "--checks"),
    ("no training data", [], "--train"),
    ("missing data", ["--train", "digit"], "'digits'"),
    ("data of another shape", ["--train", "wine"], "(13,)"),
    ("too few labels", ["--train", "digits", "--labels", "five.npy"], "5 labels for 1797 rows"),
    ("no such column", ["--train", "digits", "--labels", "kind"], "kind"),
    ("labels of no rows", ["--train", "digits", "--test-labels", "five.npy"], "--test"),
    ("test labels alone", ["--train", "digits", "--test", "digits", "--test-labels", "five.npy"], "--labels"),
    ("a negative seed", ["--train", "digits", "--seed", "-1"], "--seed"),
    ("a report that is no page", ["--train", "digits", "--report", "r.pdf"], "r.html"),
    ("a report that is there", ["--train", "digits", "--report", "old.html"], "--overwrite"),
]


@pytest.mark.parametrize(
    ("arguments", "word"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_bad_input_is_refused_in_a_sentence(isthmus, model, tmp_path, monkeypatch, arguments, word):
    monkeypatch.chdir(tmp_path)
    np.save("five.npy", np.arange(5))
    (tmp_path / "old.html").write_text("mine")
    before = listing(tmp_path)
    answer = isthmus("diagnose", model, *arguments, "--quiet")
    assert (answer.status, answer.out) == (2, "")
    assert len(answer.err.splitlines()) == 1
    assert word in answer.err
    assert listing(tmp_path) == before


def test_a_terminal_gets_a_bar(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "140")
    check = checks()["mean-collapse"]
    with examining() as progress:
        progress(0, 2, check)
        progress(1, 2, check)
    assert "mean-collapse: Does it always answer" in stream.getvalue()
    with examining(quiet=True) as progress:
        assert progress is None


@pytest.mark.slow
def test_the_demo_ends_with_a_diagnosis(isthmus, tmp_path):
    pytest.importorskip("matplotlib", reason="the report draws with matplotlib")
    answer = isthmus("demo", "--out", tmp_path, "--json", "--quiet")
    assert answer.status == 0, answer.err
    document = json.loads(answer.out)
    assert set(document) == {"held_out", "training", "diagnosis", "model", "report"}
    assert document["diagnosis"]["summary"]
    page = (tmp_path / "report.html").read_text()
    assert "id='diagnosis'" in page and "id='samples'" in page
