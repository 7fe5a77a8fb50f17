"""What every autoencoder has to beat: the mean predictor, and PCA of the same code size."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.linalg
from scipy import sparse
from scipy.sparse.linalg import ArpackError, eigsh

from isthmus.errors import DataError, ModelError, ParameterError, sentence
from isthmus.metrics.moments import SINGLE_LIMIT, Moments
from isthmus.metrics.rows import Known, as_known, as_rows, check_pair
from isthmus.metrics.sketch import Sketch

Array = npt.NDArray[np.float64]
Single = npt.NDArray[np.float32]

WIDE = 4096  # features beyond which the scatter matrix (134 MB in float64) is not held
_LANCZOS_WIDTH = 1024  # scatter matrices wider than this are not decomposed whole for a few directions


@dataclass(frozen=True, eq=False)
class Baselines:
    """The mean of the training data and their leading principal directions, in model space.

    mean : (features,) over known entries. components : (k, features), orthonormal rows, the largest variance
    first; k is ``code_size`` unless the data have fewer directions (then PCA with k is as good as with more).
    n : training rows. exact : False when the directions come from a bounded-memory sketch of wide data.
    """

    mean: Single
    components: Single
    code_size: int
    n: int
    exact: bool = True

    @property
    def event_size(self) -> int:
        """Numbers in a sample."""
        return len(self.mean)

    def mean_reconstruction(self, x: Any) -> Single:
        """x (batch, *event), numpy or torch -> (batch, features) float32, the mean in every row."""
        return np.broadcast_to(self.mean, (len(x), self.event_size))

    def pca_codes(self, x: Any, mask: Any = None) -> Single:
        """x (batch, *event) -> (batch, k) float32 coordinates; unknown entries stand at the mean."""
        rows, known = as_rows(x, size=self.event_size), as_known(mask, size=self.event_size)
        check_pair(rows, known, what="mask")
        centered = (rows - self.mean).astype(np.float32, copy=False)
        if known is not None:
            centered[~known] = 0
        return np.asarray(centered @ self.components.T)

    def pca_reconstruction(self, x: Any, mask: Any = None) -> Single:
        """x (batch, *event), numpy or torch -> (batch, features) float32, projected on the components."""
        restored = self.pca_codes(x, mask) @ self.components
        restored += self.mean
        return restored

    def truncated(self, size: int) -> Baselines:
        """The mean and the first ``size`` directions, or all where there are fewer."""
        return dataclasses.replace(self, components=self.components[:size], code_size=size)

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Everything as named arrays, for saving; :meth:`from_arrays` reads them back."""
        facts = np.array([self.code_size, self.n, self.exact], dtype=np.int64)
        return {"mean": self.mean, "components": self.components, "facts": facts}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Baselines:
        """What :meth:`to_arrays` gave, as arrays or tensors. Raises ModelError when it does not fit."""
        try:
            mean = np.asarray(arrays["mean"], dtype=np.float32)
            components = np.asarray(arrays["components"], dtype=np.float32)
            code_size, n, exact = (int(value) for value in np.asarray(arrays["facts"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(
                f"the baselines of this model cannot be read ({error}): save the model anew."
            ) from error
        if mean.ndim != 1 or components.ndim != 2 or components.shape[1] != len(mean):
            raise ModelError(
                f"the baselines of this model do not fit together (mean {mean.shape}, components "
                f"{components.shape}): save the model anew."
            )
        return cls(mean=mean, components=components, code_size=code_size, n=n, exact=bool(exact))


class BaselineFitter:
    """Fits both baselines in one pass over batches of training rows.

    Up to 4096 features PCA is exact: float64 products up to 512 features; beyond, float32 products of blocks
    summed in float64, which leaves the reconstruction error within 1e-4 of float64's as long as it is more
    than a thousandth of the data's variance. Wider data go through a bounded-memory
    :class:`~isthmus.metrics.sketch.Sketch`, and ``Baselines.exact`` is False. Unknown entries stand at the
    mean over the known ones, for PCA's directions as for its codes.

    Parameters
    ----------
    event_size : numbers in a sample.
    code_size : directions that will be asked for; needed beforehand only for wide data, where the sketch
        carries 2 * code_size + 32 of them.
    """

    def __init__(self, event_size: int, *, code_size: int = 128) -> None:
        self.event_size = event_size
        self.code_size = code_size
        wide = event_size > WIDE
        self._seen: Moments | Sketch = (
            Sketch(event_size, rank=2 * code_size + 32) if wide else Moments(event_size)
        )

    def update(self, x: Any, mask: Any = None) -> None:
        """x (batch, *event), numpy or torch, and mask alike; or sparse rows, stored = known.

        Raises DataError for known entries that are not finite, and for shapes that do not fit.
        """
        if sparse.issparse(x):
            self._update_sparse(x)
            return
        rows, known = as_rows(x, size=self.event_size), as_known(mask, size=self.event_size)
        check_pair(rows, known, what="mask")
        finite = np.isfinite(rows.sum(axis=1, dtype=np.float64, where=True if known is None else known))
        if not finite.all():
            row = int(self._seen.n + np.flatnonzero(~finite)[0])
            raise DataError(f"row {row} has NaN or infinite entries: mark unknown entries in the mask.")
        self._check_size(rows if known is None else rows[known])
        self._seen.update(rows, known)

    def _update_sparse(self, x: Any) -> None:
        rows = sparse.csr_array(x)
        if rows.shape[1] != self.event_size:
            raise DataError(sentence("width of the sparse rows", f"{self.event_size}", rows.shape[1]))
        if not np.isfinite(rows.data).all():
            raise DataError("the sparse rows hold NaN or infinite entries: leave unknown entries out.")
        self._check_size(rows.data)
        if isinstance(self._seen, Sketch):
            self._seen.update(rows, None)
            return
        for start in range(0, rows.shape[0], 1024):
            part = rows[start : start + 1024]
            known: Known = sparse.csr_array(
                (np.ones(part.nnz, np.bool_), part.indices, part.indptr), part.shape
            ).toarray()
            self._seen.update(part.toarray(), known)

    def _check_size(self, values: npt.NDArray[Any]) -> None:
        if isinstance(self._seen, Sketch) and np.abs(values).max(initial=0) > SINGLE_LIMIT:
            raise DataError(
                f"values larger than {SINGLE_LIMIT:g} in wide data are beyond PCA in float32: "
                "divide the data by a constant."
            )

    def finish(self, code_size: int | None = None) -> Baselines:
        """The baselines of all rows so far, PCA with ``code_size`` directions (default: the constructor's).

        Raises DataError without any row, ParameterError when the sketch of wide data carried fewer
        directions.
        """
        size = self.code_size if code_size is None else code_size
        if size < 1:
            raise ParameterError(sentence("code_size of the baselines", "at least 1", size))
        if not self._seen.n:
            raise DataError("the baselines saw no row: fit them on at least one.")
        if isinstance(self._seen, Sketch):
            if size > self.code_size:
                what = f"at most {self.code_size} for {self.event_size} features"
                raise ParameterError(
                    sentence("code_size of the baselines", what, size, "tell BaselineFitter beforehand")
                )
            components = _leading_of_rows(self._seen.directions(), size)
        else:
            components = _leading(self._seen.scatter(), min(size, self._seen.n))
        return Baselines(
            mean=self._seen.mean().astype(np.float32),
            components=_signed(components).astype(np.float32),
            code_size=size,
            n=self._seen.n,
            exact=not isinstance(self._seen, Sketch),
        )


def _leading(scatter: Array, count: int) -> Array:
    """(<= count, features) eigenvectors of the largest eigenvalues that are more than rounding."""
    features = len(scatter)
    count = min(count, features)
    if features > _LANCZOS_WIDTH and count <= features // 10:
        try:
            start = np.full(features, features**-0.5)
            values, vectors = eigsh(scatter, k=count, which="LA", v0=start)
            return _above_rounding(np.asarray(values), np.asarray(vectors), features)
        except ArpackError:
            pass  # eigenvalues too close together for Lanczos: decompose the matrix
    values, vectors = scipy.linalg.eigh(scatter, subset_by_index=[features - count, features - 1])
    return _above_rounding(values, vectors, features)


def _leading_of_rows(rows: Single, count: int) -> Array:
    """(<= count, features) leading right singular vectors of a few wide rows."""
    wide = rows.astype(np.float64)
    values, vectors = np.linalg.eigh(wide @ wide.T)
    kept = _above_rounding(values[-count:], vectors[:, -count:], len(rows), unit=2.0**-40)
    orthonormal, _ = np.linalg.qr((kept @ wide).T)
    return np.asarray(orthonormal.T)


def _above_rounding(values: Array, vectors: Array, features: int, *, unit: float = 2.0**-52) -> Array:
    """Eigenvectors as rows, the largest first, those with eigenvalues of rounding size left out."""
    order = np.argsort(values)[::-1]
    kept = order[values[order] > values.max(initial=0) * features * unit]
    return np.asarray(vectors[:, kept].T)


def _signed(components: Array) -> Array:
    """Rows turned so that the largest entry of each is positive: equal data give equal signs."""
    largest = (
        np.abs(components).argmax(axis=1, keepdims=True) if components.size else np.empty((0, 1), dtype=int)
    )
    signs = np.sign(np.take_along_axis(components, largest, axis=1))
    return np.asarray(components * signs)
