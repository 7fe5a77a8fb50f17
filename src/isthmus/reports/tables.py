"""The tables and bars of a report, as HTML."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from isthmus.reports.data import ReportData, Samples
from isthmus.reports.words import explained, number, percent

Array = npt.NDArray[Any]

_COLUMNS = 14  # columns of a table that a sample's card shows
_BARS = 16


def escaped(text: object) -> str:
    """Text safe inside elements and quoted attributes."""
    return html.escape(str(text), quote=True)


def facts_table(facts: Mapping[str, str]) -> str:
    """Names and values, in order."""
    rows = "".join(
        f"<div><dt>{escaped(name)}</dt><dd>{escaped(value)}</dd></div>" for name, value in facts.items()
    )
    return f"<dl class='facts'>{rows}</dl>"


def measures_table(data: ReportData) -> str:
    """Errors of the autoencoder, PCA and the mean on each set there is."""
    sets = [("held-out", data.held_out), ("training", data.training)]
    body = ""
    for name, evaluation in sets:
        if evaluation is None:
            continue
        lines: list[tuple[str, Mapping[str, Any], float | None]] = [
            ("autoencoder", evaluation, explained(evaluation)),
            ("PCA", evaluation["baselines"]["pca"], explained(evaluation, "pca")),
            ("mean", evaluation["baselines"]["mean"], explained(evaluation, "mean")),
        ]
        title = f"{number(evaluation['n'])} {name} samples"
        body += f"<tr class='set'><th colspan='4' scope='rowgroup'>{title}</th></tr>"
        body += "".join(
            f"<tr><th scope='row'>{predictor}</th><td>{number(values['squared_error'])}</td>"
            f"<td>{number(values['mse'])}</td><td>{percent(share)}</td></tr>"
            for predictor, values, share in lines
        )
    return (
        "<div class='scroll'><table class='numbers'><thead><tr><th scope='col'>predictor</th>"
        "<th scope='col'>squared error<small>summed over features</small></th>"
        "<th scope='col'>mse<small>per feature</small></th><th scope='col'>variance explained</th></tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def comparison_bars(evaluation: Mapping[str, Any]) -> str:
    """The squared errors of the three predictors as bars of common scale."""
    baselines = evaluation["baselines"]
    values = [
        ("model", "autoencoder", evaluation["squared_error"]),
        ("pca", "PCA", baselines["pca"]["squared_error"]),
        ("mean", "mean", baselines["mean"]["squared_error"]),
    ]
    largest = max((value for _, _, value in values if value), default=1.0)
    rows = "".join(
        f"<div class='bar {key}'><span class='name'>{name}</span><span class='track'>"
        f"<span class='fill' style='width:{100 * (value or 0) / largest:.2f}%'></span></span>"
        f"<span class='value'>{number(value)}</span></div>"
        for key, name, value in values
    )
    return f"<div class='bars'>{rows}</div>"


def feature_bars(per_feature: Array, names: Sequence[str], spread: Array | None) -> tuple[str, int]:
    """Bars of the worst features' errors and how many are shown; a tick marks the mean predictor's error."""
    order = np.argsort(-np.nan_to_num(per_feature, nan=-1.0), kind="stable")[:_BARS]
    order = order[~np.isnan(per_feature[order])]
    shown = [per_feature[order]] + ([spread[order]] if spread is not None else [])
    largest = float(np.nanmax(np.concatenate(shown), initial=0.0)) or 1.0
    rows = ""
    for place in order:
        name = escaped(names[place]) if place < len(names) else f"feature {place}"
        tick = ""
        if spread is not None and np.isfinite(spread[place]):
            tick = f"<span class='tick' style='left:{100 * spread[place] / largest:.2f}%'></span>"
        rows += (
            f"<div class='bar model'><span class='name' title='{name}'>{name}</span><span class='track'>"
            f"<span class='fill' style='width:{100 * per_feature[place] / largest:.2f}%'></span>{tick}</span>"
            f"<span class='value'>{number(float(per_feature[place]))}</span></div>"
        )
    return f"<div class='bars wide'>{rows}</div>", len(order)


def sample_cards(samples: Samples, names: Sequence[str]) -> str:
    """A small table a sample: every column's original value beside what was made of it."""
    cards = "".join(_card(samples, place, names) for place in range(len(samples)))
    return f"<div class='samples'>{cards}</div>"


def hidden_columns(samples: Samples) -> int:
    """How many columns the cards leave out."""
    return max(0, int(samples.originals.shape[1]) - _COLUMNS)


def _card(samples: Samples, place: int, names: Sequence[str]) -> str:
    rows = ""
    for column in range(min(samples.originals.shape[1], _COLUMNS)):
        name = escaped(names[column]) if column < len(names) else f"{column}"
        original = samples.originals[place, column]
        cells = (
            f"<td>{_value(original)}</td>{_cell(original, samples.reconstructions[place, column], 'model')}"
        )
        if samples.pca is not None:
            cells += _cell(original, samples.pca[place, column], "pca")
        rows += f"<tr><th scope='row' title='{name}'>{name}</th>{cells}</tr>"
    pca = "<th scope='col'>PCA</th>" if samples.pca is not None else ""
    return (
        f"<table class='sample'><caption>{sample_head(samples, place)}</caption>"
        "<thead><tr><td></td><th scope='col'>data</th>"
        f"<th scope='col'>autoencoder</th>{pca}</tr></thead><tbody>{rows}</tbody></table>"
    )


def sample_head(samples: Samples, place: int) -> str:
    """What stands above a sample: its row, error and label, as far as they are known."""
    head = f"row {int(samples.rows[place])}" if samples.rows is not None else f"sample {place + 1}"
    if samples.errors is not None:
        head += f"<small>error {number(float(samples.errors[place]))}</small>"
    if samples.labels is not None:
        head += f"<small>label {escaped(samples.labels[place])}</small>"
    return head


def _cell(original: Any, restored: Any, key: str) -> str:
    wrong = isinstance(original, str) and original != restored
    return f"<td class='{key}{' wrong' if wrong else ''}'>{_value(restored)}{' ✗' if wrong else ''}</td>"


def _value(value: Any) -> str:
    if value is None or (isinstance(value, float | np.floating) and np.isnan(value)):
        return "<i>unknown</i>"
    if isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool):
        return number(float(value))
    return escaped(value)
