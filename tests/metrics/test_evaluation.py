"""The document of ``evaluate --json`` and what it is made of."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from isthmus.metrics.baselines import BaselineFitter
from isthmus.metrics.evaluation import Evaluation

DATA = Path(os.environ.get("ISTHMUS_DATA", Path(__file__).parents[3] / "shared" / "data"))


def digits() -> tuple[np.ndarray, np.ndarray]:
    x = load_digits().data.astype(np.float32) / 16
    return x[:1200], x[1200:]


def test_pca_as_the_model_gives_pca_as_the_baseline() -> None:
    train, test = digits()
    fitter = BaselineFitter(64)
    fitter.update(train)
    evaluation = Evaluation(fitter.finish(10))
    for start in range(0, len(test), 100):
        part = test[start : start + 100]
        evaluation.update(part, evaluation.baselines.pca_reconstruction(part))
    document = evaluation.to_json()
    assert list(document) == [
        "n",
        "features",
        "code_size",
        "mse",
        "squared_error",
        "explained_variance",
        "baselines",
    ]
    assert (document["n"], document["features"], document["code_size"]) == (597, 64, 10)
    assert document["baselines"]["pca"] == {
        "mse": document["mse"],
        "squared_error": document["squared_error"],
    }
    assert document["squared_error"] == pytest.approx(64 * document["mse"], rel=1e-12)
    mean = document["baselines"]["mean"]["squared_error"]
    assert mean == pytest.approx(((test - train.mean(axis=0)) ** 2).sum() / len(test), rel=1e-5)
    assert document["explained_variance"] == pytest.approx(1 - document["squared_error"] / mean, rel=1e-12)
    errors = evaluation.errors()
    np.testing.assert_array_equal(errors["model"], errors["pca"])
    assert errors["mean"].mean() == pytest.approx(document["baselines"]["mean"]["mse"], rel=1e-12)
    assert errors["index"].tolist() == list(range(597))
    assert evaluation.worst.index[0] == np.argmax(errors["model"])
    assert evaluation.per_feature.mean() == pytest.approx(document["mse"])


def test_the_document_is_json_even_where_nothing_is_defined() -> None:
    fitter = BaselineFitter(3)
    fitter.update(np.ones((4, 3), dtype=np.float32))
    evaluation = Evaluation(fitter.finish(2))
    evaluation.update(np.ones((2, 3)), np.full((2, 3), np.nan))
    document = evaluation.to_json()
    assert document["mse"] is None and document["explained_variance"] is None
    assert document["baselines"]["mean"] == {"mse": 0.0, "squared_error": 0.0}
    assert "NaN" not in json.dumps(document, allow_nan=False)


@pytest.mark.skipif(not (DATA / "mnist").is_dir(), reason=f"the MNIST files are not in {DATA}")
def test_pca_of_mnist_is_the_published_one() -> None:
    """13.87 for 30 directions: Hinton and Salakhutdinov (2006), supporting text."""
    train, test = (_mnist(name) for name in ("train", "t10k"))
    fitter = BaselineFitter(784)
    fitter.update(train)
    evaluation = Evaluation(fitter.finish(30))
    evaluation.update(test, test)
    assert round(evaluation.to_json()["baselines"]["pca"]["squared_error"], 2) == 13.87
    assert evaluation.to_json()["explained_variance"] == 1.0


def _mnist(name: str) -> np.ndarray:
    with gzip.open(DATA / "mnist" / f"{name}-images-idx3-ubyte.gz") as file:
        return np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 784).astype(np.float32) / 255
