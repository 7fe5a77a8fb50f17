"""Curves, clouds, histograms, columns and heat maps of any arrays, each to an inline SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from isthmus.reports import svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from isthmus.reports.series import Style

Array = npt.NDArray[Any]

_POINTS = 600  # of a curve; a longer one keeps the lowest and highest value of every stretch
_DOTS = 3_000
_LOG_CURVES, _LOG_VALUES = 30.0, 100.0  # a logarithmic axis once positive values span this factor
_CELLS = 10  # rows and columns of a matrix whose numbers are written out
_NAMED = 30  # rows of a matrix that can be named


def curves(
    series: Mapping[str, Array],
    x: Array | None,
    styled: Mapping[str, Style],
    marks: Mapping[str, float],
    axes_names: tuple[str, str],
    *,
    name: str,
) -> str:
    """Series (points,) as lines over x, which may be None for 1, 2, 3 and so on."""
    figure = svg.new_figure(height=3.2)
    axes = svg.plain_axes(figure)
    many = len(series) > len(styled)
    drawn, places = [], []
    for label, values in series.items():
        flat = values.ravel()
        across = (
            np.arange(1.0, len(flat) + 1)
            if x is None or len(x) < len(flat)
            else np.asarray(x, float)[: len(flat)]
        )
        style = styled.get(label)
        points = across, flat
        few = np.isfinite(flat).sum() < 3
        if style is None or many:
            axes.plot(*thinned(*points), color=svg.MODEL, linewidth=0.8, alpha=0.5)
        else:
            axes.plot(
                *thinned(*points),
                color=style.color,
                linestyle=style.dashes,
                linewidth=2,
                marker=style.marker if few or len(flat) <= 12 else None,
                markersize=5,
            )
        drawn.append(flat)
        places.append(across)
    _logarithmic(axes, "y", np.concatenate(drawn), _LOG_CURVES)
    _across(axes, np.concatenate(places))
    _finish(axes, axes_names, marks)
    return svg.to_svg(figure, name=name)


def cloud(
    series: Mapping[str, Array],
    styled: Mapping[str, Style],
    marks: Mapping[str, float],
    axes_names: tuple[str, str],
    *,
    diagonal: bool,
    name: str,
) -> str:
    """Series (points, 2) as dots, with the line where both numbers are equal if ``diagonal``."""
    figure = svg.new_figure(height=4.0)
    axes = svg.plain_axes(figure, grid="both")
    axes.spines["bottom"].set_visible(False)
    total = sum(len(values) for values in series.values())
    size = float(np.clip(12000 / max(total, 1), 12, 34))
    for label, values in series.items():
        flat = values.reshape(len(values), -1)
        pairs = flat[:, :2] if flat.shape[1] > 1 else np.column_stack([np.arange(1.0, len(flat) + 1), flat])
        kept = pairs[np.unique(np.linspace(0, len(pairs) - 1, min(len(pairs), _DOTS)).astype(np.int64))]
        style = styled[label]
        axes.scatter(
            kept[:, 0], kept[:, 1], s=size, color=style.color, marker=style.marker,
            linewidths=0, alpha=0.7, rasterized=len(kept) >= 300,
        )  # fmt: skip
    axes.margins(0.06)
    if diagonal:
        limits = {"xlim": axes.get_xlim(), "ylim": axes.get_ylim()}
        axes.axline((0, 0), slope=1, color=svg.SOFT, linewidth=1.2, linestyle="--")
        axes.set(**limits)
    _finish(axes, axes_names, marks)
    return svg.to_svg(figure, name=name)


def histogram(
    series: Mapping[str, Array],
    styled: Mapping[str, Style],
    marks: Mapping[str, float],
    axes_names: tuple[str, str],
    *,
    name: str,
) -> str:
    """Series (values,) as shares over the same bins, drawn over one another; the second name is what is counted."""
    known = {label: values[np.isfinite(values)] for label, values in series.items()}
    known = {label: values for label, values in known.items() if len(values)}
    figure = svg.new_figure(height=3.2)
    axes = svg.plain_axes(figure)
    together = np.concatenate(list(known.values()))
    shown = np.concatenate([together, [value for value in marks.values() if np.isfinite(value)]])
    log = _spans(together, _LOG_VALUES) and shown.min() > 0
    bins = _bins(together, min(len(values) for values in known.values()), log=log)
    for label, values in known.items():
        style = styled[label]
        shares = 100 * np.histogram(values, bins)[0] / len(values)
        axes.stairs(shares, bins, fill=True, color=style.color, alpha=0.16)
        axes.stairs(shares, bins, color=style.color, linestyle=style.dashes, linewidth=1.8)
    if log:
        axes.set_xscale("log")
        _plain(axes, "x", shown)
    axes.set_ylim(0, axes.get_ylim()[1])
    counted = axes_names[1]
    share = (
        counted
        if "%" in counted or "share" in counted
        else f"share of {counted}, %"
        if counted
        else "share, %"
    )
    _finish(axes, (axes_names[0], share), marks)
    return svg.to_svg(figure, name=name)


def _bins(values: Array, fewest: int, *, log: bool) -> Array:
    """Edges that hold all values; one bin a value where they are few whole numbers."""
    low, high = float(values.min()), float(values.max())
    if low == high:
        half = 0.5 if low == 0 else abs(low) * 0.1
        return np.array([low - half, low + half])
    if np.array_equal(values, np.round(values)) and high - low <= 40:
        return np.arange(low - 0.5, high + 1)
    count = int(np.clip(2 * fewest**0.4, 8, 60))
    return np.geomspace(low, high, count + 1) if log else np.linspace(low, high, count + 1)


def columns(
    series: Mapping[str, Array], styled: Mapping[str, Style], axes_names: tuple[str, str], *, name: str
) -> str:
    """Series (bars,) as upright bars by their number, for bars that are too many to name."""
    figure = svg.new_figure(height=3.0)
    axes = svg.plain_axes(figure)
    for label, values in series.items():
        style = styled[label]
        edges = np.arange(len(values.ravel()) + 1) + 0.5
        heights = np.nan_to_num(values.ravel(), posinf=0.0, neginf=0.0)
        axes.stairs(heights, edges, fill=True, color=style.color, alpha=0.35 if len(series) > 1 else 0.85)
        if len(series) > 1:
            axes.stairs(heights, edges, color=style.color, linestyle=style.dashes, linewidth=1.2)
    _across(axes, np.arange(1.0, 3.0))
    _finish(axes, axes_names, {})
    return svg.to_svg(figure, name=name)


def matrix(values: Array, names: Sequence[str], label: str, axes_names: tuple[str, str], *, name: str) -> str:
    """(rows, columns) as a heat map; diverging colors where there are both signs, hatched where unknown."""
    from matplotlib import colormaps

    rows, width = values.shape
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    signed = low < 0 < high
    limit = max(abs(low), abs(high)) or 1.0
    limits = (
        (-limit, limit) if signed else (min(low, 0.0), high if high > min(low, 0.0) else min(low, 0.0) + 1)
    )
    figure = svg.new_figure(height=float(np.clip(3.9 * rows / width, 1.2, 5.2)) + 0.4)
    axes = svg.plain_axes(figure, grid="")
    axes.spines["bottom"].set_visible(False)
    colors = colormaps["RdBu_r" if signed else "cividis"].with_extremes(bad=(0.5, 0.5, 0.5, 0.25))
    drawn = axes.imshow(
        np.ma.masked_invalid(values), cmap=colors, vmin=limits[0], vmax=limits[1], interpolation="nearest",
        aspect="equal" if 0.3 <= rows / width <= 3 else "auto",
    )  # fmt: skip
    _cells(axes, values, drawn)
    _row_names(axes, names, rows, width)
    bar = figure.colorbar(drawn, ax=axes, fraction=0.05, pad=0.02)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0, labelcolor=svg.SOFT, labelsize=10)
    if label:
        bar.set_label(label if len(label) <= 48 else label[:47] + "…", color=svg.SOFT, fontsize=10)
    _finish(axes, axes_names, {})
    return svg.to_svg(figure, name=name)


def _row_names(axes: Axes, names: Sequence[str], rows: int, width: int) -> None:
    from matplotlib.ticker import MaxNLocator

    for axis, count in ((axes.xaxis, width), (axes.yaxis, rows)):
        if count <= 8:
            axis.set_ticks(range(count))
        else:
            axis.set_major_locator(MaxNLocator(8, integer=True))
    if len(names) == rows <= _NAMED:
        short = [text if len(text) <= 22 else text[:21] + "…" for text in map(str, names)]
        axes.set_yticks(range(rows), short)
        if width == rows and max(map(len, short)) * rows <= 60:
            axes.set_xticks(range(rows), short)


def _cells(axes: Axes, values: Array, drawn: Any) -> None:
    """The numbers of a small matrix, dark on bright cells and bright on dark ones."""
    if max(values.shape) > _CELLS:
        return
    brightness = drawn.to_rgba(values)[..., :3] @ np.array([0.299, 0.587, 0.114])
    for row, column in np.ndindex(*values.shape):
        known = bool(np.isfinite(values[row, column]))
        ink = svg.SOFT if not known else "#111111" if brightness[row, column] > 0.5 else "#f7f7f7"
        text = f"{values[row, column]:.2g}" if known else "?"
        axes.text(column, row, text, ha="center", va="center", color=ink, fontsize=9)


def thinned(x: Array, y: Array) -> tuple[Array, Array]:
    """At most 2 * 600 points: of a longer curve the lowest and the highest of every stretch, so that spikes stay."""
    if len(y) <= 2 * _POINTS:
        return x, y
    kept: set[int] = {0, len(y) - 1}
    for stretch in np.array_split(np.arange(len(y)), _POINTS):
        finite = stretch[np.isfinite(y[stretch])]
        if len(finite):
            kept |= {int(finite[np.argmin(y[finite])]), int(finite[np.argmax(y[finite])])}
        else:
            kept.add(int(stretch[0]))
    order = np.array(sorted(kept))
    return x[order], y[order]


def _spans(values: Array, factor: float) -> bool:
    finite = values[np.isfinite(values)]
    return len(finite) > 1 and finite.min() > 0 and float(finite.max() / finite.min()) >= factor


def _logarithmic(axes: Axes, side: str, values: Array, factor: float) -> None:
    if _spans(values, factor):
        (axes.set_xscale if side == "x" else axes.set_yscale)("log")
        _plain(axes, side, values[np.isfinite(values)])


def _plain(axes: Axes, side: str, values: Array) -> None:
    """Few ticks with plain numbers on a logarithmic axis."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis = axes.xaxis if side == "x" else axes.yaxis
    between = (1.0,) if values.max() / values.min() > 300 else (1.0, 2.0, 5.0)
    axis.set_major_locator(LogLocator(base=10, subs=between, numticks=8))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _across(axes: Axes, x: Array) -> None:
    """Whole ticks where x counts something, a logarithmic axis where it grows by factors."""
    from matplotlib.ticker import MaxNLocator

    steps = np.unique(x[np.isfinite(x)])
    if len(steps) > 2 and steps[0] > 0 and steps[-1] / steps[0] >= 16:
        growth = np.diff(np.log(steps))
        if growth.min() > 0.4 * growth.max():
            _logarithmic(axes, "x", steps, 16)
            return
    if np.array_equal(steps, np.round(steps)):
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))


def _finish(axes: Axes, names: tuple[str, str], marks: Mapping[str, float]) -> None:
    """Names of the axes, and upright lines whose names stand above them, one higher than the other."""
    axes.set(xlabel=names[0], ylabel=names[1])
    known = [(name, float(value)) for name, value in marks.items() if np.isfinite(value)]
    for _, value in known:
        axes.axvline(value, color=svg.INK, linewidth=1.2, linestyle=(0, (4, 2)))
    axes.autoscale_view()
    transform = axes.get_xaxis_transform()
    for row, (name, value) in enumerate(known):
        place = float(
            axes.transAxes.inverted().transform(axes.transData.transform((value, axes.get_ylim()[0])))[0]
        )
        text = name if len(name) <= 40 else name[:39] + "…"
        side = "left" if place < 0.35 else "right" if place > 0.65 else "center"
        axes.text(
            value, 1.02 + 0.075 * row, text, transform=transform, ha=side, va="bottom", color=svg.INK, fontsize=10.5
        )  # fmt: skip
