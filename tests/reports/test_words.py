"""The sentences of a report, branch by branch: they have to be true when the model loses, too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from isthmus.reports.data import ReportData
from isthmus.reports.words import explained, headline, number, percent, sentences


def evaluation(model: float | None, pca: float | None, mean: float, *, n: int = 100) -> dict[str, Any]:
    """A document of ``evaluate --json`` of four features with these mean squared errors."""
    share = None if model is None or not mean else 1 - model / mean

    def errors(mse: float | None) -> dict[str, float | None]:
        return {"mse": mse, "squared_error": None if mse is None else 4 * mse}

    return {
        "n": n,
        "features": 4,
        "code_size": 25,
        **errors(model),
        "explained_variance": share,
        "baselines": {"mean": errors(mean), "pca": errors(pca)},
    }


def told(document: dict[str, Any], **rest: Any) -> str:
    return " ".join(sentences(ReportData(title="t", held_out=document, **rest)))


def test_a_winning_model() -> None:
    document = evaluation(0.07, 0.19, 1.0)
    assert headline(document) == "2.7 times less error than PCA of the same size"
    assert told(document) == (
        "On 100 held-out samples the autoencoder explains 93 % of the variance with 25 numbers a sample. "
        "PCA with the same 25 numbers explains 81 %; the autoencoder's error is 2.7 times smaller."
    )


def test_a_losing_model_is_said_to_lose() -> None:
    document = evaluation(0.3, 0.2, 1.0)
    assert headline(document) == "PCA of the same size wins: 1.50 times less error"
    assert "its error is 1.50 times smaller than the autoencoder's, so the layers do not pay yet" in told(
        document
    )


def test_small_differences_are_percentages_and_smaller_ones_ties() -> None:
    assert headline(evaluation(0.19, 0.2, 1.0)) == "5.0 % less error than PCA of the same size"
    assert headline(evaluation(0.2, 0.19, 1.0)) == "PCA of the same size wins: 5.0 % less error"
    assert headline(evaluation(0.199, 0.2, 1.0)) == "As good as PCA of the same size, not better"
    assert "equal within 2 %" in told(evaluation(0.2, 0.199, 1.0))


@pytest.mark.parametrize(
    ("model", "pca", "mean", "expected"),
    [
        (1.2, 0.5, 1.0, "No better than answering with the average"),
        (None, 0.5, 1.0, "The reconstructions are not finite numbers"),
        (0.1, 0.0, 1.0, "PCA of the same size is exact, the autoencoder is not"),
        (0.0, 0.0, 1.0, "The autoencoder and PCA are both exact"),
        (0.0, 0.1, 1.0, "The autoencoder is exact"),
    ],
)
def test_edges_of_the_headline(model: float | None, pca: float, mean: float, expected: str) -> None:
    assert headline(evaluation(model, pca, mean)) == expected
    assert told(evaluation(model, pca, mean))


def test_nothing_is_claimed_of_constant_or_broken_data() -> None:
    assert told(evaluation(0.1, 0.0, 0.0)) == (
        "The held-out data do not vary about the training mean, so there is no variance to explain."
    )
    assert "not finite" in told(evaluation(None, 0.1, 1.0))
    assert explained(evaluation(None, 0.1, 1.0), "pca") is None


def test_training_and_sample_sentences() -> None:
    errors = {"model": np.array([1.0, 2.0, 3.0, 4.0]), "pca": np.array([2.0, 3.0, 4.0, 1.0])}
    text = told(evaluation(0.2, 0.4, 1.0), training=evaluation(0.1, 0.4, 1.0), errors=errors)
    assert "the better of the two on 75 %" in text
    assert "Its error on held-out samples is 2.0 times that on training samples." in text
    only_training = ReportData(title="t", training=evaluation(0.2, 0.4, 1.0))
    assert next(iter(sentences(only_training))).startswith("On 100 training samples")
    assert list(sentences(ReportData(title="t"))) == []


def test_percentages_never_round_to_all_or_nothing() -> None:
    values = [percent(share) for share in (0.5, 0.996, 0.99996, 0.0004, 1.0, 0.0, -0.2, None, float("nan"))]
    dash = "\N{EN DASH}"
    assert values == ["50 %", "99.6 %", "99.996 %", "0.04 %", "100 %", "0 %", "-20 %", dash, dash]


def test_numbers_have_three_digits() -> None:
    values = [number(value) for value in (0, 3, 1234567, 0.12345, 12.345, 1234.5, 9.999, 2.5e-7, -4.56, None)]
    assert values == [
        "0",
        "3",
        "1,234,567",
        "0.123",
        "12.3",
        "1,234",
        "10.00",
        "2.50e-07",
        "-4.56",
        "\N{EN DASH}",
    ]
