"""Samples that are images, as small PNG files inside the page."""

from __future__ import annotations

import base64
import html
import io
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from isthmus.reports.data import Samples
from isthmus.reports.words import number

Array = npt.NDArray[Any]

_LARGEST = 160  # pixels along the longer side; larger images are shown reduced
_GROUP = 6  # samples side by side before the next line


def image_strip(samples: Samples, *, limits: tuple[float, float] | None = None) -> str:
    """HTML of the samples in columns: original, autoencoder and PCA below each other, row numbers on top.

    limits : the values drawn black and white; None takes the lowest and highest value of the originals.
    """
    low, high = limits or _limits(samples.originals)
    lines = [("original", samples.originals), ("autoencoder", samples.reconstructions)]
    if samples.pca is not None:
        lines.append(("PCA", samples.pca))
    groups = [
        _group(samples, lines, range(start, min(start + _GROUP, len(samples))), (low, high))
        for start in range(0, len(samples), _GROUP)
    ]
    return f'<div class="strips">{"".join(groups)}</div>'


def _group(
    samples: Samples, lines: list[tuple[str, Array]], columns: range, limits: tuple[float, float]
) -> str:
    heads = "".join(f"<th scope='col'>{_head(samples, column)}</th>" for column in columns)
    padding = "<td></td>" * (_GROUP - len(columns))
    body = ""
    for name, images in lines:
        cells = "".join(
            f'<td><img src="{data_uri(images[column], limits=limits)}" alt="{_alt(name, samples, column)}"></td>'
            for column in columns
        )
        body += f"<tr><th scope='row'>{name}</th>{cells}{padding}</tr>"
    return (
        f"<table class='strip'><thead><tr><td></td>{heads}{padding}</tr></thead><tbody>{body}</tbody></table>"
    )


def _head(samples: Samples, column: int) -> str:
    """Row number, and the error where there is one."""
    row = f"#{int(samples.rows[column])}" if samples.rows is not None else f"{column + 1}"
    error = f"<small>{number(float(samples.errors[column]))}</small>" if samples.errors is not None else ""
    return f"{row}{error}"


def _alt(name: str, samples: Samples, column: int) -> str:
    row = int(samples.rows[column]) if samples.rows is not None else column + 1
    label = (
        f", label {html.escape(str(samples.labels[column]), quote=True)}"
        if samples.labels is not None
        else ""
    )
    return f"{name} of row {row}{label}"


def _limits(images: Array) -> tuple[float, float]:
    if images.dtype == np.uint8:
        return 0.0, 255.0
    finite = images[np.isfinite(images)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)


def data_uri(image: Array, *, limits: tuple[float, float]) -> str:
    """(height, width[, channels]) -> a PNG as ``data:`` address; values beyond ``limits`` are clipped."""
    low, high = limits
    values = image.astype(np.float64)
    values = np.where(np.isfinite(values), values, (low + high) / 2)
    scaled = np.clip((values - low) / ((high - low) or 1.0), 0, 1)
    if scaled.ndim == 3:
        scaled = scaled[..., :3] if scaled.shape[2] >= 3 else scaled[..., 0]
    picture = Image.fromarray(np.round(255 * scaled).astype(np.uint8))
    if max(picture.size) > _LARGEST:
        picture.thumbnail((_LARGEST, _LARGEST))
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
