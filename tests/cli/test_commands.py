"""From a file to a model, its numbers, codes and reconstructions, each command as a user runs it."""

import json

import numpy as np
import pytest

from cli.small import SMALL
from isthmus import load

EVALUATION = {"n", "features", "code_size", "mse", "squared_error", "explained_variance", "baselines"}


def check_evaluation(document):
    assert set(document) == EVALUATION
    assert set(document["baselines"]) == {"mean", "pca"}
    for measures in (document, *document["baselines"].values()):
        assert measures["squared_error"] == pytest.approx(measures["mse"] * document["features"])


def test_fit_answers_with_one_document(isthmus, tmp_path):
    answer = isthmus(
        "fit",
        "digits",
        "--out",
        tmp_path / "m",
        "--json",
        *SMALL,
        "--set",
        "training.validation_fraction=0.2",
    )
    assert answer.status == 0
    document = json.loads(answer.out)
    assert set(document) == {"training", "validation", "model", "epochs", "seconds", "terms"}
    check_evaluation(document["training"])
    check_evaluation(document["validation"])
    assert (document["training"]["n"], document["validation"]["n"]) == (1438, 359)
    assert document["epochs"] == 2
    assert document["terms"]["loss"] == document["terms"]["reconstruction"]
    assert document["terms"]["validation_loss"] > 0
    assert not (tmp_path / "m.checkpoint").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


def test_fit_prints_who_wins(isthmus, tmp_path):
    answer = isthmus("fit", "digits", "--out", tmp_path / "m", *SMALL, "--validation", "digits")
    assert answer.status == 0
    for words in (
        "training, 1,797 x 64",
        "validation, 1,797 x 64",
        "PCA, code of 4",
        "explains",
        "2 epochs in",
    ):
        assert words in answer.out
    assert "epoch 2/2" in answer.err
    assert "epoch" not in isthmus("fit", "digits", "--out", tmp_path / "q", "--quiet", *SMALL).err


def test_the_same_seed_gives_the_same_bits(isthmus, tmp_path, model):
    assert isthmus("fit", "digits", "--out", tmp_path / "m", "--seed", "0", *SMALL).status == 0
    assert isthmus("fit", "digits", "--out", tmp_path / "n", "--seed", "1", *SMALL).status == 0
    weights = [
        (path / "weights.safetensors").read_bytes() for path in (model, tmp_path / "m", tmp_path / "n")
    ]
    assert weights[0] == weights[1] != weights[2]


def test_the_model_forgets_where_its_checkpoint_was(model):
    assert "checkpoint" not in (model / "model.json").read_text().replace('"checkpoint": null', "").replace(
        '"checkpoint_seconds": 30.0', ""
    )


def test_evaluate_agrees_with_the_library(isthmus, model):
    answer = isthmus("evaluate", model, "digits", "--json")
    assert (answer.status, answer.err) == (0, "")
    assert json.loads(answer.out) == load(model).evaluate("digits")
    assert "PCA, code of 4" in isthmus("evaluate", model, "digits").out


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".parquet", ".csv"])
def test_digits_to_codes_and_back(isthmus, model, tmp_path, suffix):
    codes, samples, copies = (tmp_path / f"{name}{suffix}" for name in ("codes", "samples", "copies"))
    assert isthmus("encode", model, "digits", "--out", codes).status == 0
    assert isthmus("decode", model, codes, "--out", samples).status == 0
    answer = isthmus("reconstruct", model, "digits", "--out", copies, "--json")
    assert json.loads(answer.out) == {"out": str(copies), "n": 1797, "shape": [1797, 8, 8]}
    read = {name: values_of(path) for name, path in (("z", codes), ("x", samples), ("r", copies))}
    loaded = load(model)
    np.testing.assert_array_equal(read["z"], loaded.transform("digits"))
    np.testing.assert_array_equal(read["r"], loaded.reconstruct("digits").reshape(read["r"].shape))
    np.testing.assert_array_equal(read["x"], read["r"])
    assert isthmus("encode", model, "digits", "--out", codes).status == 2
    assert isthmus("encode", model, "digits", "--out", codes, "--overwrite").status == 0


def values_of(path):
    if path.suffix == ".npy":
        return np.load(path)
    if path.suffix == ".npz":
        return np.load(path)["data"]
    import pandas as pd

    frame = pd.read_csv(path, dtype=np.float32) if path.suffix == ".csv" else pd.read_parquet(path)
    return frame.to_numpy(dtype=np.float32)


def test_info_describes_models_and_data(isthmus, model):
    document = json.loads(isthmus("info", model, "--json").out)
    assert document["kind"] == "model"
    assert document["parts"]["architecture"] == "Dense(hidden=(16,))"
    assert document["code_size"] == 4
    assert document["training"]["data"] == "digits"
    document = json.loads(isthmus("info", "wine", "--json").out)
    assert (document["kind"], document["n"], document["features"]) == ("data", 178, 13)
    assert document["schema"]["columns"][0]["name"] == "alcohol"
    assert "class_2" in isthmus("info", "wine").out
    assert "Deterministic(size=4)" in isthmus("info", model).out


def test_recipes_are_listed_and_described(isthmus):
    document = json.loads(isthmus("recipes", "--json").out)
    assert {"dense", "conv"} <= {recipe["name"] for recipe in document["recipes"]}
    document = json.loads(isthmus("recipes", "dense", "--json").out)
    assert document["fields"]["hidden"] == [512, 256]
    assert document["reference"]
    assert "conv" in isthmus("recipes").out
    assert "hidden = (512, 256)" in isthmus("recipes", "dense").out


def test_a_report_with_labels_of_a_file(isthmus, model, tmp_path):
    pytest.importorskip("matplotlib", reason="the report draws with matplotlib")
    np.save(tmp_path / "labels.npy", np.arange(1797) % 3)
    page = tmp_path / "report.html"
    answer = isthmus(
        "evaluate", model, "digits", "--report", page, "--labels", tmp_path / "labels.npy", "--json"
    )
    assert answer.status == 0
    check_evaluation(json.loads(answer.out))
    assert "Map of the codes" in page.read_text()
    np.save(tmp_path / "labels.npy", np.arange(5))
    answer = isthmus(
        "evaluate", model, "digits", "--report", page, "--labels", tmp_path / "labels.npy", "--overwrite"
    )
    assert answer.status == 2
    assert "5 labels for 1797 rows" in answer.err


def test_custom_code_needs_leave(isthmus, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "my_networks.py").write_text(
        "from torch import nn\n"
        "def encoder(shape, width):\n    return nn.Sequential(nn.Flatten(), nn.Linear(shape[-1], width))\n"
        "def decoder(size, shape):\n    return nn.Linear(size, shape[-1])\n"
    )
    custom = "architecture=Custom('my_networks:encoder', 'my_networks:decoder')"
    answer = isthmus(
        "fit", "wine", "--out", "m", "--epochs", "1", "--quiet", "--set", custom, "--set", "code=3"
    )
    assert answer.status == 0, answer.err
    answer = isthmus("evaluate", "m", "wine")
    assert answer.status == 2
    assert "my_networks" in answer.err
    assert isthmus("evaluate", "m", "wine", "--allow", "my_networks").status == 0
    assert "my_networks:encoder" in isthmus("info", "m").out
