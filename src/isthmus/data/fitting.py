"""Fits the transform of a data set, streaming its statistics once in float64."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np

from isthmus.data.affine import constant, of_moments
from isthmus.data.arrays import PROFILE_BYTES
from isthmus.data.moments import Moments
from isthmus.data.source import Source
from isthmus.data.transform import Transform
from isthmus.data.transform_array import ArrayTransform
from isthmus.data.transform_sparse import SparseTransform
from isthmus.data.transform_table import TableTransform, fit_table
from isthmus.errors import DataError, ModelError, ParameterError, nearest, sentence

Scaling = Literal["auto", "none", "standard", "center", "minmax", "unit"]


def fit_transform(source: Source, scaling: Scaling = "auto") -> Transform:
    """The transform of ``source``.

    scaling : ``auto``: uint8 and the built-in digits to [0, 1], frames and tables standardised, other arrays as
        they are. ``none``: numbers as they are. ``standard``: mean 0, variance 1 a feature (a channel of images).
        ``center``: mean 0 a feature (a channel), full intensity or one unit of the data is 1; for dictionaries, whose
        units die where the mean is large. ``minmax``: [0, 1] a feature over the training data. ``unit``: full
        intensity is 1, for uint8 only.
        Text columns are encoded with every choice. Constant features get scale 1.
    Raises ParameterError for another scaling or ``unit`` of data without a white, DataError for infinite values.
    """
    if scaling not in get_args(Scaling):
        near = nearest(str(scaling), get_args(Scaling))
        raise ParameterError(
            sentence(
                "scaling",
                "one of " + ", ".join(get_args(Scaling)),
                scaling,
                f"did you mean {near!r}" if near else "",
            )
        )
    schema = source.schema
    if scaling == "unit" and schema.white is None:
        raise ParameterError(
            f"scaling='unit' needs uint8 data, {source.name} holds {schema.dtype}: use 'minmax', or 'none'."
        )
    if schema.kind == "table":
        return fit_table(source, "standard" if scaling == "auto" else scaling)
    if scaling == "auto":
        scaling = "unit" if schema.white is not None else "none"
    _check_finite(source)
    kind = SparseTransform if schema.kind == "sparse" else ArrayTransform
    if scaling in ("standard", "center", "minmax"):
        moments = source.moments() or _dense_moments(source)
        shape = (-1, 1, 1) if schema.kind == "image" else (-1,)
        affine, low, high = of_moments(scaling, moments, shape, unit=schema.white or 1.0)
    else:
        affine = constant(schema.white if scaling == "unit" else None)
        scale = float(affine.scale)
        low, high = (schema.minimum or 0.0) / scale, (schema.maximum or 0.0) / scale
    return kind(schema, low, high, affine)


def _check_finite(source: Source) -> None:
    schema = source.schema
    if not np.isfinite([schema.minimum or 0.0, schema.maximum or 0.0]).all():
        raise DataError(
            f"{source.name} holds infinite values ({_first_infinite(source)}): mend them, or make them NaN "
            f"if they are unknown."
        )


def _first_infinite(source: Source) -> str:
    """Where the first infinite value lies."""
    for rows in source.blocks(8_192):
        values: Any = rows.values
        if hasattr(values, "tocsr"):
            places = np.flatnonzero(np.isinf(values.data))
            if places.size:
                row = int(np.searchsorted(values.indptr, places[0], side="right")) - 1
                return f"row {rows.index[row]}, feature {values.indices[places[0]]}"
        elif np.isinf(values).any():
            place = [int(axis[0]) for axis in np.nonzero(np.isinf(values))]
            inside = f"feature {place[1]}" if len(place) == 2 else f"entry {tuple(place[1:])}"
            return f"row {rows.index[place[0]]}, {inside}"
    return "somewhere"


def _dense_moments(source: Source) -> Moments:
    """Moments a feature; for images a channel, over all pixels."""
    shape = source.schema.shape
    features = shape[0] if len(shape) == 1 else (shape[2] if len(shape) == 3 else 1)
    moments = Moments(features)
    for rows in source.blocks(max(PROFILE_BYTES // (8 * int(np.prod(shape))), 1)):
        with np.errstate(invalid="ignore", over="ignore"):
            moments.update(np.asarray(rows.values).reshape(-1, features))
    return moments


def transform_from_json(document: dict[str, Any]) -> Transform:
    """The transform that ``to_json`` wrote. Raises ModelError for anything else."""
    kinds: tuple[type[Transform], ...] = (ArrayTransform, SparseTransform, TableTransform)
    try:
        return {kind.tag: kind for kind in kinds}[document["type"]].from_json(document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(
            f"this is not a transform that isthmus wrote ({error!r}): save the model anew."
        ) from error
