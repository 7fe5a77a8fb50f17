"""Numbers in words: what a reader should take away, honest when the model loses."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from isthmus.reports.data import ReportData

NONE = "\N{EN DASH}"  # where there is no number
_TIE = 1.02  # errors within 2 % of each other are called equal


def number(value: Any) -> str:
    """Three significant digits, thousands separated, a dash where there is no number.

    >>> number(13.8663), number(60000), number(0.000012345)
    ('13.9', '60,000', '1.23e-05')
    """
    if value is None or not math.isfinite(value):
        return NONE
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    size = abs(value)
    if size >= 1e7 or size < 1e-3:
        return f"{value:.2e}"
    return f"{value:,.{max(0, 2 - math.floor(math.log10(size)))}f}"


def percent(share: float | None) -> str:
    """A share as a percentage that never rounds up to all or nothing.

    >>> percent(0.931), percent(0.9996), percent(0.042)
    ('93 %', '99.96 %', '4.2 %')
    """
    if share is None or not math.isfinite(share):
        return NONE
    value = 100 * share
    if value == 0:
        return "0 %"
    for digits in range(5):
        text = f"{value:.{digits}f}"
        hidden = abs(float(text)) in (0.0, 100.0) and value not in (0.0, 100.0)
        coarse = digits == 0 and (abs(value) < 10 or 99 < value < 100)
        if not hidden and not coarse:
            break
    return f"{text} %"


def times(ratio: float) -> str:
    """A ratio above 1 as people say it."""
    return f"{ratio:.2f}" if ratio < 2 else f"{ratio:.1f}" if ratio < 10 else f"{ratio:,.0f}"


def smaller(ratio: float) -> str:
    """How much smaller the smaller of two errors is, for a ratio above 1: "4.8 % smaller", "2.3 times smaller"."""
    return f"{percent(1 - 1 / ratio)} smaller" if ratio < 1.2 else f"{times(ratio)} times smaller"


def less(ratio: float) -> str:
    """How much less the smaller of two errors is, for a ratio above 1.

    >>> less(1.05), less(2.31)
    ('4.8 % less error', '2.3 times less error')
    """
    return f"{percent(1 - 1 / ratio)} less error" if ratio < 1.2 else f"{times(ratio)} times less error"


def explained(evaluation: Mapping[str, Any], predictor: str = "model") -> float | None:
    """Explained variance of "model" or "pca", against the mean predictor; None where it is undefined."""
    if predictor == "model":
        value = evaluation.get("explained_variance")
        return None if value is None else float(value)
    baselines = evaluation["baselines"]
    if evaluation.get("explained_variance") is None or not baselines["mean"]["mse"]:
        return None
    if baselines[predictor]["mse"] is None:
        return None
    return 1 - float(baselines[predictor]["mse"]) / float(baselines["mean"]["mse"])


def headline(evaluation: Mapping[str, Any]) -> str:
    """The verdict against PCA in a few words."""
    model, pca = evaluation["mse"], evaluation["baselines"]["pca"]["mse"]
    mean = evaluation["baselines"]["mean"]["mse"]
    if model is None or pca is None:
        return "The reconstructions are not finite numbers"
    if mean and model >= mean:
        return "No better than answering with the average"
    if not model and not pca:
        return "The autoencoder and PCA are both exact"
    if not pca:
        return "PCA of the same size is exact, the autoencoder is not"
    if not model:
        return "The autoencoder is exact"
    if pca / model >= _TIE:
        return f"{less(pca / model).capitalize()} than PCA of the same size"
    if model / pca >= _TIE:
        return f"PCA of the same size wins: {less(model / pca)}"
    return "As good as PCA of the same size, not better"


def sentences(data: ReportData) -> Iterator[str]:
    """What the numbers say, a sentence each."""
    evaluation = data.evaluation
    if evaluation is None:
        return
    where = "held-out" if data.held_out is not None else "training"
    numbers = f"{number(evaluation['code_size'])} number{'s' if evaluation['code_size'] != 1 else ''}"
    share = explained(evaluation)
    which = f"On {number(evaluation['n'])} {where} samples the autoencoder"
    if evaluation["mse"] is None:
        yield f"{which} gave values that are not finite, so its error has no size: train at a lower rate."
        return
    if share is None:
        yield f"The {where} data do not vary about the training mean, so there is no variance to explain."
        return
    yield f"{which} explains {percent(share)} of the variance with {numbers} a sample."
    yield _against_pca(evaluation, numbers)
    yield from _sample_by_sample(data)
    yield from _generalisation(data)


def _against_pca(evaluation: Mapping[str, Any], numbers: str) -> str:
    model, pca = evaluation["mse"], evaluation["baselines"]["pca"]["mse"]
    other = f"PCA with the same {numbers} explains {percent(explained(evaluation, 'pca'))}"
    if not pca or not model:
        return f"{other}."
    if pca / model >= _TIE:
        return f"{other}; the autoencoder's error is {smaller(pca / model)}."
    if model / pca >= _TIE:
        return (
            f"{other}; its error is {smaller(model / pca)} than the autoencoder's, so the layers do "
            "not pay yet: train longer, at another rate, or with other widths."
        )
    return f"{other}: the errors are equal within 2 %, so the layers gain nothing over a linear map here."


def _sample_by_sample(data: ReportData) -> Iterator[str]:
    model, pca = data.errors.get("model"), data.errors.get("pca")
    if model is not None and pca is not None and len(model) == len(pca) > 1:
        yield f"Sample by sample, the autoencoder is the better of the two on {percent((model < pca).mean())}."


def _generalisation(data: ReportData) -> Iterator[str]:
    if data.held_out is None or data.training is None:
        return
    held_out, training = data.held_out["mse"], data.training["mse"]
    if held_out and training:
        ratio = held_out / training
        if ratio >= 1.05:
            yield f"Its error on held-out samples is {times(ratio)} times that on training samples."
        else:
            yield "Its error on held-out samples is no larger than on training samples."
