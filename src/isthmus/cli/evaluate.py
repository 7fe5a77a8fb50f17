"""``isthmus evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from isthmus.cli import messages
from isthmus.cli.options import Allow, Json, Overwrite

if TYPE_CHECKING:
    from isthmus.data.source import Source
    from isthmus.estimator import Autoencoder


def evaluate(
    model: Path,
    data: str,
    /,
    *,
    report: Path | None = None,
    labels: str | None = None,
    training: str | None = None,
    allow: Allow = (),
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Reconstruction of data beside the mean predictor and PCA of the same code size.

    Parameters
    ----------
    model : folder that fit wrote.
    data : a file, a folder or a built-in name, best one that the model was not trained on.
    report : an HTML page to write as well, one file that works offline; needs isthmus[plot].
    labels : for the report's map of codes: a column of the data, or a file with one label a row.
    training : the training data, to stand beside in the report.
    allow : module of your own whose code the model may import, as often as needed.
    overwrite : replace an existing report.
    json : print one JSON document.
    """
    from isthmus.cli.comparison import table, words
    from isthmus.cli.outputs import check_report
    from isthmus.cli.streaming import opened_data, opened_model

    if report is not None:
        check_report(report, overwrite=overwrite)
    loaded = opened_model(model, allow=allow)
    if report is None:
        document = loaded.evaluate(opened_data(loaded, data))
    else:
        document = _reported(loaded, data, report, labels=labels, training=training, overwrite=overwrite)
    if json:
        messages.show_json(document)
        return
    messages.show(table({data: document}))
    messages.show("")
    messages.show(words(held_out=document) if training is not None else _neutral(words(held_out=document)))
    if report is not None:
        messages.show(f"The report is in {report}.")


def _neutral(text: str) -> str:
    """Only the user knows whether the data were held out."""
    return text.replace(" held-out samples", " samples")


def _reported(
    model: Autoencoder, data: str, report: Path, *, labels: str | None, training: str | None, overwrite: bool
) -> dict[str, Any]:
    """Write the report; returns the document of ``evaluate --json``."""
    from isthmus.cli.streaming import opened_data
    from isthmus.reports.model_report import model_report, write_report

    source, values = labelled(model, data, labels)
    beside = None if training is None else model.evaluate(opened_data(model, training))
    page = model_report(
        model, source, labels=values, training=beside, title=f"autoencoder on {Path(data).name}"
    )
    write_report(report, page, overwrite=overwrite)
    return dict(page.held_out or {})


def labelled(model: Autoencoder, data: str, labels: str | None) -> tuple[Source, Any]:
    """Data opened for a model, and their labels: a column of theirs, or a file with one label a row.

    Raises DataError when there are not as many labels as rows.
    """
    from isthmus.cli.streaming import opened_data
    from isthmus.data.labels import read_labels
    from isthmus.errors import DataError
    from isthmus.reports.model_report import named_labels

    if labels is None:
        source = opened_data(model, data)
        return source, named_labels(source)
    if not Path(labels).expanduser().exists() and ".npz:" not in labels:
        source = opened_data(model, data, target=labels)
        return source, named_labels(source)
    source, values = opened_data(model, data), read_labels(labels)
    if len(values) != source.n_rows:
        raise DataError(
            f"{labels} holds {len(values)} labels for {source.n_rows} rows of {data}: give one a row."
        )
    return source, values
