"""``isthmus treat``: from an ill model to a treated one, and nothing written where nothing helped."""

import json

import numpy as np
import pytest

from cli.small import listing
from isthmus import load
from isthmus.cli import main as entry
from isthmus.doctor.check import chosen
from isthmus.doctor.comparison import Verdict
from isthmus.doctor.course import Course

ILL = ("--epochs", "4", "--hidden", "32", "--code-size", "4")
ILL += (
    "--set",
    "training.threads=1",
    "--set",
    "training.batch_size=50",
    "--set",
    "training.learning_rate=1.0",
)


@pytest.fixture
def collapse_only(monkeypatch):
    """Other checks could find more to say of such small models."""
    monkeypatch.setattr("isthmus.doctor.treatment.chosen", lambda codes: chosen(["mean-collapse"]))


@pytest.fixture(scope="module")
def ill(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ill")
    from sklearn.datasets import load_digits

    digits = load_digits()
    np.save(folder / "train.npy", digits.images[:400].astype(np.float32) / 16)
    np.save(folder / "test.npy", digits.images[400:600].astype(np.float32) / 16)
    np.save(folder / "labels.npy", digits.target[:400])
    fit = ("fit", str(folder / "train.npy"), "--out", str(folder / "model"), "--quiet", *ILL)
    assert entry.main(fit) == 0
    return folder


@pytest.mark.usefixtures("collapse_only")
def test_an_ill_model_is_cured_and_the_folder_holds_its_history(isthmus, ill, tmp_path):
    before = listing(ill)
    options = ("--train", ill / "train.npy", "--test", ill / "test.npy", "--labels", ill / "labels.npy")
    answer = isthmus("treat", ill / "model", *options, "--out", tmp_path / "cured", "--json", "--quiet")
    assert answer.status == 0
    assert answer.err.splitlines() == [
        "isthmus: note: the test rows have no labels, so checks that need labels are skipped: give --test-labels FILE."
    ]
    document = json.loads(answer.out)
    assert set(document) == {
        "healthy",
        "before",
        "after",
        "attempts",
        "stopped",
        "summary",
        "notes",
        "model",
    }
    assert document["healthy"]
    assert document["model"] == str(tmp_path / "cured")
    assert document["before"]["findings"][0]["severity"] == "failure"
    assert document["after"]["findings"][0]["severity"] in ("ok", "info")
    assert listing(ill) == before
    model = load(tmp_path / "cured")
    assert model.training_summary_["treatment"]["attempts"] == document["attempts"]
    assert isthmus("info", tmp_path / "cured").status == 0
    answer = isthmus("treat", tmp_path / "cured", *options, "--out", tmp_path / "again")
    assert answer.status == 0
    assert "Nothing was wrong, so nothing was treated. Nothing was written" in answer.out
    assert not (tmp_path / "again").exists()
    answer = isthmus("treat", ill / "model", *options, "--out", tmp_path / "cured", "--budget", "1")
    assert answer.status == 2
    assert "exists already" in answer.err


@pytest.mark.usefixtures("collapse_only")
def test_what_was_tried_is_told(isthmus, ill, tmp_path):
    answer = isthmus("treat", ill / "model", "--train", ill / "train.npy", "--out", tmp_path / "m")
    assert answer.status == 0
    for words in (
        "held out to judge by",
        "before\n  failure  mean-collapse: ",
        "tried\n   1. ",
        "training.learning_rate=0.00333",
        "after\n  Healthy",
        "the model is healthy. The treated model is in",
    ):
        assert words in answer.out
    assert "training 2 of at most 12, for mean-collapse" in answer.err
    assert "diagnosing the model" in answer.err


@pytest.mark.usefixtures("collapse_only")
def test_nothing_is_written_where_nothing_helped(isthmus, ill, tmp_path):
    data = ("--train", ill / "train.npy", "--test", ill / "test.npy")
    answer = isthmus("treat", ill / "model", *data, "--out", tmp_path / "m", "--seconds", "0.000001")
    assert answer.status == 0
    assert "Nothing was tried (time over); what remains is mean-collapse (failure). Nothing was" in answer.out
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("collapse_only")
@pytest.mark.parametrize("kept", [True, False])
def test_ctrl_c_keeps_what_was_reached(isthmus, ill, tmp_path, monkeypatch, kept):
    attempted = Course._attempted

    def interrupted(self, state, *arguments):
        if state.attempts and state.attempts[-1].accepted == kept:
            raise KeyboardInterrupt
        rest = attempted(self, state, *arguments)
        if self._state.attempts[-1].accepted:
            raise KeyboardInterrupt
        return rest

    monkeypatch.setattr(Course, "_attempted", interrupted)
    if not kept:
        refused = Verdict(accepted=False, reason="it is as ill as before.", gone=False)
        monkeypatch.setattr("isthmus.doctor.course.judged", lambda *_: refused)
    data = ("--train", ill / "train.npy", "--test", ill / "test.npy")
    answer = isthmus("treat", ill / "model", *data, "--out", tmp_path / "m", "--quiet")
    assert answer.status == 130
    assert answer.err.startswith("isthmus: interrupted after ")
    assert (tmp_path / "m").exists() == kept


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--train", "nothing.npy"), "nothing.npy"),
        (("--train", "digits", "--budget", "0"), "--budget"),
        (("--train", "digits", "--seconds", "0"), "--seconds"),
        (("--train", "digits", "--labels", "few.npy"), "few.npy holds 3 labels for 1797 rows of digits"),
        (("--train", "digits", "--test-labels", "few.npy"), "--test-labels needs --test"),
        (("--train", "iris"), "X has rows of shape (4,)"),
        ((), "--train"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(isthmus, ill, tmp_path, monkeypatch, options, said):
    monkeypatch.chdir(tmp_path)
    np.save("few.npy", np.arange(3))
    answer = isthmus("treat", ill / "model", *options, "--out", "m")
    assert answer.status == 2
    assert answer.err.splitlines()[-1].startswith("isthmus: ")
    assert said in answer.err.splitlines()[-1]
    assert not (tmp_path / "m").exists()
