"""What checks look at: an autoencoder as functions of arrays, with rows it was trained on and rows it was not."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from isthmus.doctor.rows import Rows
    from isthmus.estimator import Autoencoder
    from isthmus.metrics.baselines import Baselines

    Array = NDArray[np.float32]


class Patient:
    """An autoencoder and the rows it is judged by; what several checks need is computed once.

    Parameters
    ----------
    encode : (n, features) -> codes (n, code). decode : codes -> (n, features). Both in model space.
    train, test : rows. held_out : whether the test rows are others than those trained on.
    shape : of a sample in model space, ``(features,)`` or ``(channels, height, width)``.
    baselines : mean and PCA of the training rows. names : (features,) of the entries of a row.
    classes : names of the classes that labels are numbers of; None where labels are numbers or absent.
    model : the fitted Autoencoder, None for a pair of functions. seed : of all randomness.
    """

    def __init__(
        self,
        encode: Callable[[Array], Array],
        decode: Callable[[Array], Array],
        *,
        train: Rows,
        test: Rows,
        held_out: bool,
        shape: tuple[int, ...],
        baselines: Baselines,
        names: Sequence[str] = (),
        classes: Sequence[str] | None = None,
        model: Autoencoder | None = None,
        seed: int = 0,
    ) -> None:
        self.encode = encode
        self.decode = decode
        self.train = train
        self.test = test
        self.held_out = held_out
        self.shape = shape
        self.baselines = baselines
        self.names = tuple(names) or tuple(f"feature {place}" for place in range(train.x.shape[1]))
        self.classes = None if classes is None else tuple(classes)
        self.model = model
        self.seed = seed

    def generator(self, what: str) -> np.random.Generator:
        """Random numbers of its own for each ``what``, so that checks do not depend on which others run."""
        return np.random.default_rng([self.seed, zlib.crc32(what.encode())])

    def has(self, need: str) -> bool:
        """Whether something that checks may ask for is there; see :class:`isthmus.doctor.check.Check`."""
        return {
            "test": self.held_out,
            "labels": self.train.labels is not None and self.test.labels is not None,
            "images": len(self.shape) == 3,
            "spread": self.varies,
            "model": self.model is not None,
            "history": self.model is not None and bool(self.model.history_),
        }[need]

    @cached_property
    def varies(self) -> bool:
        """Whether rows differ by more than rounding, those trained on as those judged."""
        mean = self.baselines.mean
        least = (1e-6 * np.abs(mean)) ** 2
        return all(bool((rows.squares(mean[None]) > least).any()) for rows in (self.train, self.test))

    @property
    def features(self) -> int:
        """Numbers in a row."""
        return int(self.train.x.shape[1])

    @property
    def code_size(self) -> int:
        """Numbers in a code."""
        return int(self.codes.shape[1])

    def reconstruct(self, x: Array) -> Array:
        """x (n, features) -> its reconstruction (n, features)."""
        return self.decode(self.encode(x))

    @cached_property
    def codes(self) -> Array:
        """(n, code) of the test rows."""
        return self.encode(self.test.x)

    @cached_property
    def train_codes(self) -> Array:
        """(n, code) of the training rows."""
        return self.encode(self.train.x)

    @cached_property
    def reconstruction(self) -> Array:
        """(n, features) of the test rows."""
        return self.decode(self.codes)

    @cached_property
    def train_reconstruction(self) -> Array:
        """(n, features) of the training rows."""
        return self.decode(self.train_codes)

    @cached_property
    def squares(self) -> NDArray[np.float64]:
        """(n, features) squared errors of the test rows, 0 where an entry is not known."""
        return self.test.squares(self.reconstruction)

    @cached_property
    def mean_squares(self) -> NDArray[np.float64]:
        """(n, features) squared errors of the mean predictor on the test rows."""
        return self.test.squares(self.baselines.mean[None])

    @cached_property
    def pca_squares(self) -> NDArray[np.float64]:
        """(n, features) squared errors of PCA of the code's size on the test rows."""
        return self.test.squares(self.baselines.pca_reconstruction(self.test.x, self.test.known))

    def images(self, x: Any) -> NDArray[np.float32]:
        """(n, features) of image data -> (n, height, width[, 3]) clipped to [0, 1], for pictures."""
        stacked = np.moveaxis(np.asarray(x, dtype=np.float32).reshape(len(x), *self.shape), 1, -1)
        low, high = float(self.train.x.min()), float(self.train.x.max())
        scaled = np.clip((stacked - low) / max(high - low, 1e-12), 0.0, 1.0)
        return np.asarray(scaled if scaled.shape[-1] == 3 else scaled[..., 0])

    def facts(self) -> dict[str, str]:
        """What was looked at, in words."""
        judged = "held-out rows" if self.held_out else "training rows, since no others were given"
        facts = {
            "judged on": f"{len(self.test):,} of {self.test.total:,} {judged}",
            "trained on": f"{self.train.total:,} rows, {len(self.train):,} looked at",
            "numbers a row": f"{self.features:,}, code of {self.code_size:,}",
            "seed": str(self.seed),
        }
        if self.model is not None:
            facts |= {
                name: repr(getattr(self.model.network_.parts, name))
                for name in ("architecture", "code", "loss")
            }
        return facts
