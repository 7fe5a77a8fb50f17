"""Reconstruction beside the mean and PCA: the table and the words that every command prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def table(evaluations: Mapping[str, Mapping[str, Any]]) -> str:
    """A table of the three predictors on each data set.

    evaluations : documents of ``evaluate --json`` by the name of the data.
    """
    from isthmus.reports.words import explained, number, percent

    rows: list[Sequence[str]] = [("", "squared error", "mse", "variance")]
    rows += [("", "a sample", "a feature", "explained")]
    for name, document in evaluations.items():
        size, baselines = document["code_size"], document["baselines"]
        rows += [(f"{name}, {number(document['n'])} x {number(document['features'])}", "", "", "")]
        for label, measures, share in (
            (f"autoencoder, code of {size}", document, explained(document)),
            (f"PCA, code of {size}", baselines["pca"], explained(document, "pca")),
            ("mean", baselines["mean"], 0.0 if document["explained_variance"] is not None else None),
        ):
            errors = number(measures["squared_error"]), number(measures["mse"])
            rows += [(f"  {label}", *errors, percent(share))]
    return aligned(rows)


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells as lines: the first column to the left, the others to the right."""
    spans = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.rjust(span) if place else cell.ljust(span)
            for place, (cell, span) in enumerate(zip(row, spans, strict=True))
        ).rstrip()
        for row in rows
    )


def words(*, training: Mapping[str, Any] | None = None, held_out: Mapping[str, Any] | None = None) -> str:
    """Who wins and by how much, in a line of verdict and a paragraph."""
    import textwrap

    from isthmus.reports.data import ReportData
    from isthmus.reports.words import headline, sentences

    data = ReportData(title="", training=training, held_out=held_out)
    evaluation = data.evaluation
    if evaluation is None:
        return ""
    return "\n".join([f"{headline(evaluation)}.", *textwrap.wrap(" ".join(sentences(data)), 100)])
