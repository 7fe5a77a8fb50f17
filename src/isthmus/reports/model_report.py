"""From a fitted autoencoder and data to what a report shows, in one pass over the data."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.data.opening import open_source
from isthmus.persistence.atomic import write_bytes
from isthmus.persistence.versions import written_by
from isthmus.reports.data import Array, ReportData, Samples
from isthmus.training.stages import joint, summed_up

if TYPE_CHECKING:
    from isthmus.data.source import Source
    from isthmus.estimator import Autoencoder
    from isthmus.metrics.evaluation import Evaluation

SHOWN = 12
"""Samples drawn, as they come and of the worst."""

CODES = 20_000
"""Codes kept for the map."""


def model_report(
    model: Autoencoder,
    X: Any,
    *,
    held_out: bool = True,
    training: Mapping[str, Any] | None = None,
    labels: Array | None = None,
    title: str = "",
    facts: Mapping[str, str] | None = None,
) -> ReportData:
    """What a report on ``model`` shows about the data X.

    Parameters
    ----------
    model : fitted. X : whatever ``transform`` takes; read once, block by block.
    held_out : whether X was kept from training; it decides which column its numbers stand in.
    training : document of ``evaluate`` for the training data, to stand beside.
    labels : (n,) text or numbers, one a row of X; those of the data themselves otherwise.
    title : heading. facts : further lines of the table of facts, shown first.

    Raises: as ``transform`` does for data that do not fit.
    """
    source = open_source(X)
    shown = np.unique(np.linspace(0, source.n_rows - 1, min(SHOWN, source.n_rows)).round().astype(np.int64))
    every = max(1, -(-source.n_rows // CODES))
    gathered = _Pass(model, source, shown, every)
    evaluation = gathered.evaluation
    names = named_labels(source) if labels is None else np.asarray(labels)
    document = evaluation.to_json()
    measures, mean = evaluation.model(), evaluation.mean()
    errors = evaluation.errors()
    worst = measures.worst
    worst_labels = None if names is None else names[[gathered.position(int(row)) for row in worst.index]]
    schema = model.schema_
    return ReportData(
        title=title or f"autoencoder of {Path(str(model.training_summary_['data'])).name}",
        facts={**(facts or {}), **facts_of(model, source)},
        kind="vector" if schema.kind == "sparse" else schema.kind,
        held_out=document if held_out else None,
        training=training if held_out else document,
        history=joint(model.history_),
        samples=gathered.samples(None if names is None else names[shown]),
        worst=_drawn(
            model, worst.originals, worst.reconstructions, worst.mask, worst.index, worst.errors, worst_labels
        ),
        errors={name: errors[name] for name in ("model", "pca", "mean")},
        codes=np.concatenate(gathered.codes),
        labels=None if names is None else names[::every],
        feature_names=model.transform_.feature_names() if schema.kind != "image" else (),
        per_feature=_laid_out(model, measures.per_feature[None])[0],
        spread_per_feature=_laid_out(model, mean.per_feature[None])[0],
        data_range=(0.0, schema.white) if schema.kind == "image" and schema.white else None,
    )


def write_report(path: str | os.PathLike[str], data: ReportData, *, overwrite: bool = False) -> None:
    """Render a report and write it to an HTML file, whole or not at all.

    Raises: MissingExtraError without matplotlib, OutputError when it cannot be written.
    """
    from isthmus.reports.html import render

    write_bytes(path, render(data).encode(), overwrite=overwrite)


def named_labels(source: Source) -> Array | None:
    """(n,) the labels of a source, by name where they have names."""
    labels = source.labels
    if labels is None or not source.label_names:
        return labels
    return np.array(source.label_names, dtype=object)[np.asarray(labels, dtype=np.int64)].astype(str)


def facts_of(model: Autoencoder, source: Source) -> dict[str, str]:
    """What a reader needs to make the model again."""
    summary, parts = model.training_summary_, model.network_.parts
    facts = {
        "data": f"{source.name}, {source.n_rows:,} rows",
        "trained on": f"{summary['data']}, {summary['rows']:,} rows",
        "architecture": repr(parts.architecture),
        "code": repr(parts.code),
        "loss": repr(parts.loss),
        "corruption": repr(parts.corruption) if parts.corruption is not None else "none",
        "penalties": ", ".join(map(repr, parts.penalties)) or "none",
        "training": repr(model.part("training")),
        "scaling": model.scaling,
        "seed": str(summary["seed"]),
        "weights": f"{summary['parameters']:,}",
        "epochs": f"{summary['epochs']}, best {summary['best_epoch']}, stopped by {summary['stopped']}",
        "seconds": f"{summary['seconds']:.1f}",
        "computed on": f"{summary['device']}, {summary['precision']}, {summary['threads']} threads",
    }
    facts |= {f"before: {name}": text for name, text in summed_up(model.history_).items()}
    versions = ", ".join(f"{name} {version}" for name, version in written_by().items())
    return facts | {"versions": f"{versions}, {platform.system()} {platform.machine()}"}


class _Pass:
    """One pass of data through a model, and what a report keeps of it."""

    def __init__(self, model: Autoencoder, source: Source, shown: Array, every: int) -> None:
        import torch

        from isthmus.metrics.evaluation import Evaluation

        self.model = model
        self.evaluation: Evaluation = Evaluation(model.baselines_, worst=SHOWN)
        self.codes: list[Array] = []
        self.kept: list[tuple[Array, Array, Array, Array]] = []
        self._spans: list[tuple[int, Array]] = []
        start = 0
        for batch in model.batches(source):
            with torch.inference_mode():
                z = model.network_.encode(batch.x).z
                reconstruction = model.network_.mean(model.network_.decode(z)).float().cpu().numpy()
            self.evaluation.update(batch.x, reconstruction, batch.mask, batch.rows)
            self.codes.append(z[(-start) % every :: every].float().cpu().numpy())
            numbers = np.arange(start, start + len(batch)) if batch.rows is None else batch.rows.numpy()
            here = shown[(shown >= start) & (shown < start + len(batch))] - start
            x = batch.x.cpu().numpy()
            mask = np.ones(x.shape, dtype=np.bool_) if batch.mask is None else batch.mask.cpu().numpy()
            self.kept.append((x[here], reconstruction[here], mask[here], numbers[here]))
            if source.labels is not None:
                self._spans.append((start, numbers))
            start += len(batch)

    def position(self, row: int) -> int:
        """Where the row of that number stands among the rows that were read."""
        for start, numbers in self._spans:
            here = np.flatnonzero(numbers == row)
            if len(here):
                return start + int(here[0])
        return row

    def samples(self, labels: Array | None) -> Samples:
        """The chosen samples."""
        x, reconstruction, mask, rows = (np.concatenate(each) for each in zip(*self.kept, strict=True))
        squares = ((x - reconstruction) ** 2 * mask).reshape(len(x), -1).sum(axis=1)
        known = mask.reshape(len(x), -1).sum(axis=1)
        errors = np.divide(squares, known, out=np.full(len(x), np.nan), where=known > 0)
        return _drawn(self.model, x, reconstruction, mask, rows, errors, labels)


def _drawn(
    model: Autoencoder,
    x: Array,
    reconstruction: Array,
    mask: Array,
    rows: Array,
    errors: Array,
    labels: Array | None,
) -> Samples:
    """Samples in data units; x, reconstruction, mask (n, *event) or flat, in model space."""
    n, shape = len(x), model.event_.shape
    flat, known = x.reshape(n, -1), mask.reshape(n, -1)
    pca = model.baselines_.pca_reconstruction(flat, known)
    return Samples(
        originals=_in_data_units(model, flat.reshape(n, *shape), known.reshape(n, *shape)),
        reconstructions=_in_data_units(model, reconstruction.reshape(n, *shape)),
        pca=_in_data_units(model, np.asarray(pca, dtype=np.float32).reshape(n, *shape)),
        rows=rows,
        errors=errors,
        labels=labels,
    )


def _in_data_units(model: Autoencoder, x: Array, known: Array | None = None) -> Array:
    """x (n, *event) in data units and layout; NaN, or None in tables, where an entry is not known."""
    values: Any = model.transform_.inverse(x)
    if not hasattr(values, "column_names"):
        values = np.asarray(values)
        if known is None or known.all():
            return np.asarray(values)
        return np.where(_laid_out(model, known).reshape(values.shape), values, np.nan)
    table = np.empty((len(x), values.num_columns), dtype=object)
    for place, name in enumerate(values.column_names):
        table[:, place] = values.column(name).to_pylist()
    if known is not None:
        starts = [column.start for column in model.event_.columns]
        table[~known[:, starts]] = None
    return table


def _laid_out(model: Autoencoder, values: Array) -> Array:
    """values (n, *event) or flat -> (n, height, width[, channels]) for images, (n, features) otherwise."""
    shape = model.event_.shape
    if len(shape) != 3:
        return values.reshape(len(values), -1)
    moved = np.moveaxis(values.reshape(len(values), *shape), 1, -1)
    return moved[..., 0] if shape[0] == 1 else moved
