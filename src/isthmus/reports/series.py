"""How the series of a picture are told apart: a color, dashes and a mark each, never by color alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from isthmus.reports import svg
from isthmus.reports.figures import PALETTE
from isthmus.reports.tables import escaped

Array = npt.NDArray[Any]

_PAGE = {svg.MODEL: "var(--model)", svg.PCA: "var(--pca)", svg.MEAN: "var(--mean)"}
_FIXED = {svg.MODEL: "#3f90da", svg.PCA: "#e0822d", svg.MEAN: "#8a9096"}
_COLORS = (
    svg.MODEL, svg.PCA, svg.MEAN, PALETTE[4], PALETTE[1], PALETTE[2], PALETTE[9], "#2f9e6e", PALETTE[5], PALETTE[7],
)  # fmt: skip
_DASHES = ("-", "--", ":", "-.")
_MARKERS = "os^Dv"
# What a series is, by how its name begins: the report's colors mean the same everywhere.
_MEANINGS = {
    "autoencoder": svg.MODEL, "model": svg.MODEL, "reconstruct": svg.MODEL, "pca": svg.PCA, "mean": svg.MEAN,
    "data": svg.MEAN, "original": svg.MEAN,
}  # fmt: skip


@dataclass(frozen=True)
class Style:
    """How one series is drawn: color for matplotlib, color for the page, dashes and marker."""

    color: str
    page: str
    dashes: str
    marker: str


def styles(names: Iterable[str]) -> dict[str, Style]:
    """A style a name; the autoencoder, PCA, the mean and the data have the colors they have in every report."""
    found: dict[str, str] = {}
    for name in names:
        meant = next((color for start, color in _MEANINGS.items() if name.lower().startswith(start)), None)
        if meant is not None and meant not in found.values():
            found[name] = meant
    free = [color for color in _COLORS if color not in found.values()] or list(_COLORS)
    styled = {}
    for place, name in enumerate(names):
        color = found.get(name) or free.pop(0)
        free = free or list(_COLORS)
        styled[name] = Style(
            color, _PAGE.get(color, color), _DASHES[place % len(_DASHES)], _MARKERS[place % len(_MARKERS)]
        )
    return styled


def fixed(style: Style) -> Style:
    """The same in a color that does not follow the page's scheme, for dots that become one picture."""
    color = _FIXED.get(style.color, style.color)
    return replace(style, color=color, page=color)


def arrays(series: Mapping[str, Any]) -> dict[str, Array]:
    """Series as float arrays, the empty ones left out."""
    known = {str(name): np.asarray(values, dtype=np.float64) for name, values in series.items()}
    return {name: values for name, values in known.items() if values.size}


def legend(styled: Mapping[str, Style], kind: str, marks: Mapping[str, float] | None = None) -> str:
    """Names beside their colors, and upright lines with their values; it wraps at any width.

    kind : of the samples: ``line``, ``dot`` or ``area``.
    """
    keys = "".join(
        f"<span class='key'>{_sample(style, kind)}{escaped(name)}</span>" for name, style in styled.items()
    )
    keys += "".join(
        f"<span class='key'><i class='upright'></i>{escaped(name)}, {float(value):.4g}</span>"
        for name, value in (marks or {}).items()
    )
    return f"<p class='legend'>{keys}</p>" if keys else ""


_SHAPES = {
    "o": "<circle cx='6' cy='6' r='4.5'/>", "s": "<path d='M2 2h8v8H2z'/>", "^": "<path d='M6 1l5 9H1z'/>",
    "D": "<path d='M6 1l5 5-5 5-5-5z'/>", "v": "<path d='M1 2h10L6 11z'/>",
}  # fmt: skip
_STROKES = {"-": "", "--": "5 2.5", ":": "1.5 2.5", "-.": "6 2.5 1.5 2.5"}


def _sample(style: Style, kind: str) -> str:
    if kind == "dot":
        shape = _SHAPES[style.marker]
        return f"<svg class='sample-dot' viewBox='0 0 12 12' style='fill:{style.page}' aria-hidden='true'>{shape}</svg>"
    if kind == "area":
        return f"<i class='area' style='background:{style.page}'></i>"
    return (
        f"<svg class='sample-line' viewBox='0 0 24 6' aria-hidden='true'><path d='M0 3h24' style='stroke:{style.page};"
        f"stroke-width:2.5;stroke-dasharray:{_STROKES[style.dashes] or 'none'}'/></svg>"
    )
