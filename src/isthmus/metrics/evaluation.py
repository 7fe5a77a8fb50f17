"""A model beside the mean predictor and PCA of the same code size, measured in one stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from isthmus.metrics.baselines import Baselines
from isthmus.metrics.reconstruction import Reconstruction, ReconstructionMeter
from isthmus.metrics.rows import as_known, as_rows
from isthmus.metrics.worst import Worst

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class Evaluation:
    """Feeds three meters with the same samples: the model, the training mean, and PCA.

    ``evaluation.update(x, reconstruction, mask, index)`` for every batch, then :meth:`to_json` is the
    document of ``evaluate --json``, and :meth:`model`, :meth:`mean` and :meth:`pca` are the full measures of
    each.

    Parameters
    ----------
    baselines : fitted on the training data; their ``code_size`` is the model's.
    worst : how many of the model's worst samples are kept, with their rows.
    limit, seed : how many per-sample errors are kept; the kept rows are the same for all three.
    """

    def __init__(self, baselines: Baselines, *, worst: int = 16, limit: int = 100_000, seed: int = 0) -> None:
        self.baselines = baselines
        size = baselines.event_size
        self._model = ReconstructionMeter(size, mean=baselines.mean, worst=worst, limit=limit, seed=seed)
        self._mean = ReconstructionMeter(size, worst=0, limit=limit, seed=seed)
        self._pca = ReconstructionMeter(size, worst=0, limit=limit, seed=seed)

    def update(
        self, x: Any, reconstruction: Any, mask: Any = None, index: npt.ArrayLike | None = None
    ) -> None:
        """x, reconstruction (batch, *event) and mask likewise, numpy or torch; index (batch,) row numbers."""
        size = self.baselines.event_size
        rows, known = as_rows(x, size=size), as_known(mask, size=size)
        self._model.update(rows, reconstruction, known, index)
        self._mean.update(rows, self.baselines.mean_reconstruction(rows), known, index)
        self._pca.update(rows, self.baselines.pca_reconstruction(rows, known), known, index)

    def model(self) -> Reconstruction:
        """Measures of the model so far."""
        return self._model.result()

    def mean(self) -> Reconstruction:
        """Measures of the mean predictor so far, explained variance (0 by definition) left out."""
        return self._mean.result()

    def pca(self) -> Reconstruction:
        """Measures of PCA so far, explained variance left out."""
        return self._pca.result()

    @property
    def worst(self) -> Worst:
        """The model's worst samples."""
        return self.model().worst

    @property
    def per_feature(self) -> npt.NDArray[np.float64]:
        """(features,) the model's mean squared error of each feature over the samples that know it."""
        return self.model().per_feature

    def errors(self) -> dict[str, npt.NDArray[Any]]:
        """Per-sample errors kept: "index", "model", "mean", "pca", each (kept,), paired row by row.

        Of a sample the error is the mean over its known entries; samples without any are left out.
        """
        index, model = self._model.distribution.sample()
        _, mean = self._mean.distribution.sample()
        _, pca = self._pca.distribution.sample()
        return {"index": index, "model": model, "mean": mean, "pca": pca}

    def to_json(self) -> dict[str, Any]:
        """The document of ``evaluate --json``; None (null) where a number is undefined, never NaN."""
        model = self.model()
        return {
            "n": model.n,
            "features": model.features,
            "code_size": self.baselines.code_size,
            "mse": model.mse,
            "squared_error": model.squared_error,
            "explained_variance": model.explained_variance,
            "baselines": {"mean": self.mean().to_json(), "pca": self.pca().to_json()},
        }
