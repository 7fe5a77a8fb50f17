"""What a report is made of: plain arrays, numbers and strings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from isthmus.errors import DataError

Array = npt.NDArray[Any]


@dataclass
class Samples:
    """Some samples with what the model, and PCA of the same code size, made of them.

    originals, reconstructions, pca : in data units, alike in shape: images (n, height, width[, channels]),
    tables and vectors (n, features). Tables may hold text; NaN and None are unknown entries. pca may be None.
    rows : (n,) row numbers in the data. errors : (n,) mean squared errors in model units, or None.
    labels : (n,) or None.
    """

    originals: Array
    reconstructions: Array
    pca: Array | None = None
    rows: Array | None = None
    errors: Array | None = None
    labels: Array | None = None

    def __post_init__(self) -> None:
        shape = np.shape(self.originals)
        for name in ("reconstructions", "pca"):
            value = getattr(self, name)
            if value is not None and np.shape(value) != shape:
                raise DataError(f"{name} have shape {np.shape(value)}, originals {shape}: pass them alike.")
        for name in ("rows", "errors", "labels"):
            value = getattr(self, name)
            if value is not None and len(value) != len(self.originals):
                raise DataError(
                    f"{name} are {len(value)}, originals {len(self.originals)}: pass one a sample."
                )

    def __len__(self) -> int:
        return len(self.originals)


@dataclass
class ReportData:
    """Everything a report shows. What is None or empty has no section.

    Parameters
    ----------
    title : heading of the page, such as "dense on digits".
    facts : what a reader needs to make it again, in reading order (data, rows, recipe and parts, seed,
    machine,
        versions, seconds); shown as a table, texts as they are.
    kind : how samples are drawn: "image", "table" or "vector".
    held_out, training : documents of ``evaluate --json`` for the two sets.
    history : a dictionary an epoch: "epoch", "loss", terms by name, the same with "validation_" before it,
        "learning_rate", "seconds".
    samples, worst : samples of the held-out data as they come, and those with the largest errors.
    errors : per-sample errors in model units by predictor: "model", "pca", "mean", each (n,), paired.
    codes : (n, code_size). labels : (n,) of the codes' samples, text or numbers.
    feature_names : names of the features, for tables. per_feature : (features,) or the image's shape, mean
        squared errors in model units, NaN where a feature was never known.
    spread_per_feature : like per_feature, the mean predictor's, to compare with.
    data_range : lowest and highest value of an image's pixels; None takes them from the originals.
    """

    title: str
    facts: Mapping[str, str] = field(default_factory=dict)
    kind: Literal["image", "table", "vector"] = "vector"
    held_out: Mapping[str, Any] | None = None
    training: Mapping[str, Any] | None = None
    history: Sequence[Mapping[str, Any]] = ()
    samples: Samples | None = None
    worst: Samples | None = None
    errors: Mapping[str, Array] = field(default_factory=dict)
    codes: Array | None = None
    labels: Array | None = None
    feature_names: Sequence[str] = ()
    per_feature: Array | None = None
    spread_per_feature: Array | None = None
    data_range: tuple[float, float] | None = None

    @property
    def evaluation(self) -> Mapping[str, Any] | None:
        """The numbers to judge by: held-out where they exist, else those of the training data."""
        return self.held_out if self.held_out is not None else self.training
