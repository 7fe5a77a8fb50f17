"""A CSV with numeric, categorical, constant and missing columns, and every fault that one may have later."""

import json

import numpy as np
import pandas as pd
import pytest

FIT = ("--epochs", "2", "--hidden", "8", "--code-size", "2", "--quiet", "--set", "training.threads=1")


def frame():
    rng = np.random.default_rng(0)
    n = 200
    size = rng.normal(10, 2, n)
    return pd.DataFrame(
        {
            "size (cm)": np.where(rng.random(n) < 0.2, np.nan, size),
            "weight": (size * 3 + rng.normal(size=n)).round(2),
            "color": rng.choice(["red", "green", "blue"], n),
            "constant": 7,
            "kind": rng.choice(["a", "b"], n),
        }
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tables")


@pytest.fixture
def fitted(folder, isthmus):
    """The training file and a model of it, with ``kind`` as its labels."""
    path, model = folder / "train.csv", folder / "model"
    if not model.exists():
        frame().to_csv(path, index=False)
        answer = isthmus("fit", path, "--out", model, "--target", "kind", *FIT)
        assert answer.status == 0, answer.err
    return path, model


def test_it_trains_on_known_entries_and_goes_all_the_way(isthmus, fitted, tmp_path):
    path, model = fitted
    document = json.loads(isthmus("evaluate", model, path, "--json").out)
    assert document["n"] == 200
    assert document["features"] == 6  # three numbers and three colors
    assert np.isfinite(document["mse"])
    codes, samples, copies = tmp_path / "codes.csv", tmp_path / "samples.csv", tmp_path / "copies.parquet"
    assert isthmus("encode", model, path, "--out", codes).status == 0
    assert isthmus("decode", model, codes, "--out", samples).status == 0
    assert isthmus("reconstruct", model, path, "--out", copies).status == 0
    back = pd.read_csv(samples)
    assert list(back.columns) == ["size (cm)", "weight", "color", "constant"]
    assert set(back["color"]) <= {"red", "green", "blue"}
    assert not back["size (cm)"].isna().any()
    assert (pd.read_parquet(copies)["color"].astype(str) == back["color"]).all()
    assert "size (cm)" in isthmus("info", model).out


def test_a_report_of_a_table(isthmus, fitted, tmp_path):
    pytest.importorskip("matplotlib", reason="the report draws with matplotlib")
    path, model = fitted
    answer = isthmus(
        "evaluate", model, path, "--report", tmp_path / "r.html", "--labels", "kind", "--training", path
    )
    assert answer.status == 0, answer.err
    text = (tmp_path / "r.html").read_text()
    assert "color" in text
    assert "Error of each feature" in text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: data.drop(columns="weight"), "weight"),
        (lambda data: data.assign(weight=["heavy", *data["weight"][1:]]), "weight"),
        (lambda data: data.assign(weight=[np.inf, *data["weight"][1:]]), "weight"),
    ],
    ids=["a column gone", "a text in a number", "infinite"],
)
def test_each_fault_is_a_sentence_that_names_the_column(isthmus, fitted, tmp_path, change, words):
    _, model = fitted
    change(frame()).to_csv(tmp_path / "new.csv", index=False)
    answer = isthmus("encode", model, tmp_path / "new.csv", "--out", tmp_path / "codes.npy")
    assert answer.status == 2
    assert words in answer.err
    assert len(answer.err.splitlines()) == 1
    assert not (tmp_path / "codes.npy").exists()


def test_a_new_category_is_unknown_and_said_once(isthmus, fitted, tmp_path):
    _, model = fitted
    data = frame()
    data.loc[3, "color"] = "violet"
    data.to_csv(tmp_path / "new.csv", index=False)
    answer = isthmus("encode", model, tmp_path / "new.csv", "--out", tmp_path / "codes.npy")
    assert answer.status == 0
    assert answer.err.count("isthmus: note:") == len(answer.err.splitlines()) == 1
    assert "violet" in answer.err
    assert "color" in answer.err
