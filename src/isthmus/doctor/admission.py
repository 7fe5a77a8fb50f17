"""How an autoencoder becomes a patient: a fitted model, or any pair of functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus import inference
from isthmus.data.opening import open_source
from isthmus.data.targets import Targets, read_targets
from isthmus.doctor.patient import Patient
from isthmus.doctor.rows import Rows, Sampler
from isthmus.errors import DataError
from isthmus.metrics.baselines import BaselineFitter

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from isthmus.data.source import Source
    from isthmus.estimator import Autoencoder

    Array = NDArray[np.float32]

#: Rows of the training data, and of the held-out data, that are looked at; more are thinned out.
LIMIT = 4_000


def of_model(
    model: Autoencoder,
    X_train: Any,
    X_test: Any = None,
    *,
    y_train: Any = None,
    y_test: Any = None,
    seed: int = 0,
    limit: int = LIMIT,
) -> Patient:
    """A fitted isthmus model as a patient.

    Parameters
    ----------
    model : fitted. X_train, X_test : whatever ``fit`` takes, read once in a stream; without X_test the training rows
        are judged. y_train, y_test : (n,) labels, those of the data by default.
    seed : which rows are chosen, and all randomness of the checks. limit : rows of each that are looked at.

    Raises: as ``transform`` does for data that do not fit; DataError for labels that do not.
    """
    source = open_source(X_train)
    targets = read_targets(source, y_train)
    train = _read(model, source, None if targets is None else targets.values, seed=seed, limit=limit)
    test = train
    if X_test is not None:
        held_out = open_source(X_test)
        targets, labels = _beside(targets, held_out, y_test)
        test = _read(model, held_out, labels, seed=seed, limit=limit)
    shape = model.event_.shape

    def encode(x: Array) -> Array:
        import torch

        return np.asarray(
            inference.encoded(
                model.network_, torch.from_numpy(np.ascontiguousarray(x).reshape(len(x), *shape))
            )
        )

    def decode(z: Array) -> Array:
        return np.asarray(
            inference.decoded(model.network_, np.ascontiguousarray(z, dtype=np.float32))
        ).reshape(len(z), -1)

    return Patient(
        encode,
        decode,
        train=train,
        test=test,
        held_out=X_test is not None,
        shape=shape,
        baselines=model.baselines_,
        names=model.transform_.feature_names(),
        classes=_names(targets),
        model=model,
        seed=seed,
    )


def of_functions(
    encode: Callable[[Any], Any],
    decode: Callable[[Any], Any],
    X_train: Any,
    X_test: Any = None,
    *,
    y_train: Any = None,
    y_test: Any = None,
    seed: int = 0,
    limit: int = LIMIT,
) -> Patient:
    """Any autoencoder as a patient: two functions of arrays.

    Parameters
    ----------
    encode : (n, ...) in the shape of X_train -> codes (n, code). decode : codes -> (n, ...) in the shape of X_train.
        Called with float32 arrays; they return arrays, or tensors on the processor.
    X_train, X_test : (n, features), (n, height, width) or (n, height, width, channels) numbers, none missing.
    y_train, y_test, seed, limit : see :func:`of_model`.

    Raises DataError for arrays that are no finite numbers, and for functions whose results do not fit.
    """
    first = _array(X_train, "X_train")
    layout = first.shape[1:]
    second = None if X_test is None else _array(X_test, "X_test")
    if second is not None and second.shape[1:] != layout:
        raise DataError(
            f"X_test has rows of shape {second.shape[1:]}, X_train of {layout}: give rows of one shape."
        )
    targets = None if y_train is None else read_targets(open_source(first), y_train)
    train = _sampled(first, None if targets is None else targets.values, seed=seed, limit=limit)
    test = train
    if second is not None:
        labels = (
            None if targets is None else targets.of(open_source(second), y_test, name="y_test", rows="X_test")
        )
        test = _sampled(second, labels, seed=seed, limit=limit)

    def encoded(x: Array) -> Array:
        return _result(encode(_laid_out(x, layout)), "encode", len(x))

    def decoded(z: Array) -> Array:
        found = _result(decode(np.ascontiguousarray(z, dtype=np.float32)), "decode", len(z), layout)
        return _flat(found.reshape(len(z), *layout))

    size = encoded(train.x[:1]).shape[1]
    fitter = BaselineFitter(train.x.shape[1], code_size=size)
    fitter.update(_flat(first))
    return Patient(
        encoded,
        decoded,
        train=train,
        test=test,
        held_out=second is not None,
        shape=_event_shape(layout),
        baselines=fitter.finish(size),
        classes=_names(targets),
        seed=seed,
    )


def _beside(targets: Targets | None, source: Source, y_test: Any) -> tuple[Targets | None, Any]:
    """The labels of held-out rows, and the classes of both; a class that training rows lack is one more."""
    if targets is None:
        return None, None
    named = {"name": "y_test", "rows": "X_test"}
    wide = targets.widened(source, y_test, **named)
    return wide, wide.of(source, y_test, **named)


def _read(model: Autoencoder, source: Any, labels: Any, *, seed: int, limit: int) -> Rows:
    sampler = Sampler(limit, seed=seed)
    known_labels = None if labels is None else _column(np.asarray(labels))
    for batch in model.batches(source):
        rows = np.arange(len(batch)) + sampler.total if batch.rows is None else batch.rows.numpy()
        sampler.update(
            batch.x.float().cpu().numpy().reshape(len(batch), -1),
            None if batch.mask is None else batch.mask.cpu().numpy().reshape(len(batch), -1),
            None if known_labels is None else known_labels[rows],
        )
    return sampler.rows()


def _sampled(values: Array, labels: Any, *, seed: int, limit: int) -> Rows:
    sampler = Sampler(limit, seed=seed)
    sampler.update(_flat(values), None, None if labels is None else _column(np.asarray(labels)))
    return sampler.rows()


def _column(labels: NDArray[Any]) -> NDArray[Any]:
    if labels.ndim > 1 and labels.size != len(labels):
        raise DataError(
            f"labels of shape {labels.shape} are more than one a row: give a class or a number a row."
        )
    return labels.reshape(len(labels))


def _names(targets: Targets | None) -> tuple[str, ...] | None:
    return None if targets is None or targets.classes is None else tuple(map(str, targets.classes))


def _array(X: Any, name: str) -> Array:
    try:
        values = np.asarray(X, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name} must be an array of numbers ({error}): convert it first.") from error
    if values.ndim not in (2, 3, 4) or not len(values):
        raise DataError(
            f"{name} has shape {values.shape}: give (n, features), (n, h, w) or (n, h, w, c), n at least 1."
        )
    if not np.isfinite(values).all():
        raise DataError(f"{name} holds NaN or infinity: fill them in as the model's own training did.")
    return values


def _event_shape(layout: tuple[int, ...]) -> tuple[int, ...]:
    return {1: layout, 2: (1, *layout), 3: (layout[-1], *layout[:-1])}[len(layout)]


def _flat(values: Array) -> Array:
    """(n, ...) as it came -> (n, features), channels first as everywhere inside."""
    moved = np.moveaxis(values, -1, 1) if values.ndim == 4 else values
    return np.ascontiguousarray(moved.reshape(len(moved), -1))


def _laid_out(x: Array, layout: tuple[int, ...]) -> Array:
    """What :func:`_flat` undid."""
    if len(layout) < 3:
        return np.ascontiguousarray(x.reshape(len(x), *layout))
    return np.ascontiguousarray(np.moveaxis(x.reshape(len(x), layout[-1], *layout[:-1]), 1, -1))


def _result(values: Any, name: str, rows: int, layout: tuple[int, ...] | None = None) -> Array:
    found = np.asarray(values.detach() if hasattr(values, "detach") else values, dtype=np.float32)
    size = None if layout is None else int(np.prod(layout))
    if found.ndim == 0 or len(found) != rows or (size is not None and found.size != rows * size):
        wanted = f"{rows} codes" if layout is None else f"an array of shape {(rows, *layout)}"
        raise DataError(
            f"{name} gave an array of shape {found.shape} for {rows} rows: it must give {wanted}."
        )
    if not np.isfinite(found).all():
        raise DataError(
            f"{name} gave NaN or infinity: the model cannot be judged; look for where they begin."
        )
    return found.reshape(rows, -1)
