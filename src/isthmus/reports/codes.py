"""A map of the codes: two directions of the code, a dot a sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from isthmus.reports import svg
from isthmus.reports.figures import PALETTE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = npt.NDArray[Any]

_DOTS = 6000
_OTHER = "#8a9096"


@dataclass(frozen=True)
class CodeMap:
    """The drawing, and what an honest caption has to say: dots drawn of n, share of the codes' variance."""

    svg: str
    dots: int
    n: int
    share: float | None
    code_size: int
    label_note: str


def code_map(codes: Array, labels: Array | None) -> CodeMap:
    """codes (n, code_size), labels (n,) text or numbers or None -> a scatter plot of at most 6000 dots.

    Codes of one or two numbers are drawn as they are, larger ones by their two leading principal directions.
    """
    n, code_size = codes.shape
    kept = np.unique(np.linspace(0, n - 1, min(n, _DOTS)).astype(np.int64))
    places, share = _places(codes[kept].astype(np.float64))
    figure = svg.new_figure(height=4.3)
    axes = svg.plain_axes(figure, grid="both")
    axes.spines["bottom"].set_visible(False)
    note = _draw(figure, axes, places, None if labels is None else np.asarray(labels)[kept])
    if share is None:
        axes.set(xlabel="code 1", ylabel="code 2" if code_size == 2 else "")
    else:
        axes.set(xlabel="direction 1", ylabel="direction 2", xticks=[], yticks=[])
    if code_size == 1:
        axes.set(yticks=[])
    return CodeMap(svg.to_svg(figure, name="codes"), len(kept), n, share, code_size, note)


def _places(codes: Array) -> tuple[Array, float | None]:
    """Two coordinates a code, and the share of variance they show (None: they are the code itself)."""
    codes = np.where(np.isfinite(codes), codes, 0)
    if codes.shape[1] == 2:
        return codes, None
    if codes.shape[1] == 1:  # spread evenly upwards, in the order of the rows
        heights = (np.arange(len(codes)) * 0.6180339887498949) % 1.0
        return np.column_stack([codes[:, 0], heights]), None
    centered = codes - codes.mean(axis=0)
    values, vectors = np.linalg.eigh(centered.T @ centered)
    total = float(values.sum())
    return centered @ vectors[:, [-1, -2]], float(values[-2:].sum()) / total if total > 0 else 0.0


def _draw(figure: Figure, axes: Axes, places: Array, labels: Array | None) -> str:
    """Draw the dots; returns what the colors mean, in words."""
    size = float(np.clip(9000 / max(len(places), 1), 4, 26))
    options: dict[str, Any] = {"s": size, "linewidths": 0, "alpha": 0.75, "rasterized": True}
    if labels is None:
        axes.scatter(*places.T, color=PALETTE[0], **options)
        return ""
    levels, counts = np.unique(labels.astype(str), return_counts=True)
    if len(levels) > (len(PALETTE) if labels.dtype.kind == "f" else 30) and labels.dtype.kind in "fiu":
        dots = axes.scatter(
            places[:, 0], places[:, 1], c=labels.astype(np.float64), cmap="cividis", **options
        )
        bar = figure.colorbar(dots, ax=axes, fraction=0.05, pad=0.02)
        bar.outline.set_visible(False)
        bar.solids.set(alpha=1)  # type: ignore[union-attr]
        bar.ax.tick_params(length=0, labelcolor=svg.SOFT, labelsize=11)
        return "The color is the label's value."
    most = len(PALETTE) if len(levels) <= len(PALETTE) else len(PALETTE) - 1
    named = sorted(levels[np.argsort(-counts, kind="stable")][:most], key=_natural)
    rest = ~np.isin(labels.astype(str), named)
    if rest.any():
        axes.scatter(*places[rest].T, color=_OTHER, **{**options, "alpha": 0.3})
    for level, color in zip(named, PALETTE, strict=False):
        axes.scatter(*places[labels.astype(str) == level].T, color=color, **options)
    for level in named:  # the name stands at the group's middle, so that color is not needed to read it
        middle = np.median(places[labels.astype(str) == level], axis=0)
        text = level if len(level) <= 18 else level[:17] + "…"
        axes.text(middle[0], middle[1], text, color=svg.TAG, ha="center", va="center", fontsize=13)
    other = f" The {len(levels) - most} rarer ones are gray." if rest.any() else ""
    return f"Colors and names are the labels, which training does not see unless a part asks for them.{other}"


def _natural(level: str) -> tuple[int, float, str]:
    """Numbers by size, then words by alphabet."""
    try:
        return (0, float(level), level)
    except ValueError:
        return (1, 0.0, level)
