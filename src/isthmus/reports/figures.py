"""The plots of a report, each a function of arrays to an inline SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from isthmus.reports import svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

Array = npt.NDArray[Any]

PREDICTORS = {  # color, dashes and name of each: never told apart by color alone
    "model": (svg.MODEL, "-", "autoencoder"),
    "pca": (svg.PCA, "--", "PCA"),
    "mean": (svg.MEAN, ":", "mean"),
}
_BOOKKEEPING = {"epoch", "seconds", "learning_rate", "step", "steps"}
_LOG_FROM = 8.0  # a logarithmic axis once the values span this factor


def learning_curves(history: Sequence[Mapping[str, Any]]) -> str:
    """Training and validation loss over epochs; the best validation epoch is marked."""
    figure = svg.new_figure()
    axes = svg.plain_axes(figure)
    drawn = []
    for key, color, dashes, name in (
        ("loss", svg.MODEL, "-", "training"),
        ("validation_loss", svg.PCA, "--", "validation"),
    ):
        epochs, values = _curve(history, key)
        if len(values):
            marker = "o" if len(values) < 3 else None
            axes.plot(epochs, values, color=color, linestyle=dashes, linewidth=2, marker=marker, label=name)
            drawn.append(values)
            if key == "validation_loss":
                best = int(np.argmin(values))
                axes.plot(epochs[best], values[best], "o", color=color, markersize=6)
    _scale(axes, drawn)
    axes.set_ylabel("loss, nats a sample")
    _whole_epochs(axes)
    _legend(axes)
    return svg.to_svg(figure, name="learning")


def term_names(history: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names of the objective's terms in a history, in order."""
    names = dict.fromkeys(key for epoch in history for key in epoch)
    kept = [
        name for name in names if not name.startswith("validation_") and name not in _BOOKKEEPING | {"loss"}
    ]
    return [name for name in kept if len(_curve(history, name)[1])]


def term_curves(history: Sequence[Mapping[str, Any]]) -> str:
    """Every term of the objective over epochs, at most the eight largest."""
    figure = svg.new_figure()
    axes = svg.plain_axes(figure)
    curves = {name: _curve(history, name) for name in term_names(history)}
    largest = sorted(curves, key=lambda name: -float(np.abs(curves[name][1]).max()))[:8]
    for name, color in zip(largest, PALETTE, strict=False):
        axes.plot(*curves[name], color=color, linewidth=2, label=name)
    _scale(axes, [curves[name][1] for name in largest])
    axes.set_ylabel("nats a sample")
    _whole_epochs(axes)
    _legend(axes)
    return svg.to_svg(figure, name="terms")


def error_distribution(errors: Mapping[str, Array]) -> str:
    """Histograms of per-sample errors of the predictors on one logarithmic axis, medians marked."""
    figure = svg.new_figure()
    axes = svg.plain_axes(figure)
    known = {name: np.asarray(errors[name]) for name in PREDICTORS if name in errors}
    finite = {name: value[np.isfinite(value) & (value > 0)] for name, value in known.items()}
    finite = {name: value for name, value in finite.items() if len(value)}
    low = min(float(value.min()) for value in finite.values())
    high = max(float(value.max()) for value in finite.values())
    count = int(np.clip(2 * min(len(value) for value in finite.values()) ** 0.4, 8, 60))
    bins = np.geomspace(low / 1.05, high * 1.05, count + 1)
    for name, value in finite.items():
        color, dashes, label = PREDICTORS[name]
        shares = 100 * np.histogram(value, bins)[0] / len(value)
        axes.stairs(shares, bins, fill=True, color=color, alpha=0.16)
        axes.stairs(shares, bins, color=color, linestyle=dashes, linewidth=1.8, label=label)
        middle = float(np.median(value))
        place = min(int(np.searchsorted(bins, middle)) - 1, count - 1)
        top = shares[max(place, 0)]
        axes.plot([middle, middle], [0, top], color=color, linestyle=dashes, linewidth=1.2)
    axes.set_xscale("log")
    _plain_ticks(axes.xaxis, few=high / low > 300)
    axes.set_ylim(0, axes.get_ylim()[1] * 1.04)
    axes.tick_params(axis="x", pad=6)
    axes.set_xlabel("mean squared error of a sample")
    axes.set_ylabel("share of samples, %")
    _legend(axes)
    return svg.to_svg(figure, name="errors")


def error_map(per_feature: Array) -> str:
    """Heat map of the pixels' mean squared errors, (height, width), dark to bright."""
    height, width = per_feature.shape
    figure = svg.new_figure(height=float(np.clip(4.4 * height / width, 2.2, 5.0)))
    axes = svg.plain_axes(figure, grid="")
    axes.set(xticks=[], yticks=[])
    axes.spines["bottom"].set_visible(False)
    picture = axes.imshow(per_feature, cmap="cividis", vmin=0, interpolation="nearest")
    bar = figure.colorbar(picture, ax=axes, fraction=0.05, pad=0.02)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0, labelcolor=svg.SOFT, labelsize=11)
    return svg.to_svg(figure, name="pixels")


def profile(original: Array, reconstruction: Array, pca: Array | None, *, name: str) -> str:
    """One vector as a curve over its features: data, autoencoder, PCA."""
    figure = svg.new_figure(height=1.9)
    axes = svg.plain_axes(figure)
    axes.spines["bottom"].set_visible(False)
    places = np.arange(len(original))
    axes.plot(places, original, color=svg.MEAN, linewidth=3.2, alpha=0.5)
    axes.plot(places, reconstruction, color=svg.MODEL, linewidth=1.6)
    if pca is not None:
        axes.plot(places, pca, color=svg.PCA, linestyle="--", linewidth=1.3)
    _whole_epochs(axes, label="")
    return svg.to_svg(figure, name=name)


def has_curves(history: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a history holds a loss to draw."""
    return any(len(_curve(history, key)[1]) for key in ("loss", "validation_loss"))


# Ten colors told apart with any color vision, on light and dark ground (Petroff, 2021, arXiv:2107.02270).
PALETTE = (
    "#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6", "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd",
)  # fmt: skip


def _curve(history: Sequence[Mapping[str, Any]], key: str) -> tuple[Array, Array]:
    """Epochs and finite values of one entry of the history."""
    pairs = [
        (float(epoch.get("epoch", place + 1)), float(epoch[key]))
        for place, epoch in enumerate(history)
        if isinstance(epoch.get(key), Real) and np.isfinite(epoch[key])
    ]
    table = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def _whole_epochs(axes: Axes, *, label: str = "epoch") -> None:
    """Ticks at whole numbers along the lower axis."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.set_xlabel(label)


def _scale(axes: Axes, curves: Sequence[Array]) -> None:
    """A logarithmic axis where the values are positive and span a large factor; few, plain tick labels."""
    values = np.concatenate(curves) if curves else np.ones(1)
    if values.min() <= 0 or values.max() / values.min() < _LOG_FROM:
        return
    axes.set_yscale("log")
    _plain_ticks(axes.yaxis, few=values.max() / values.min() > 1000)


def _plain_ticks(axis: Axis, *, few: bool) -> None:
    """Ticks of a logarithmic axis at powers of ten, and at 2 and 5 between unless ``few``, as plain numbers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(base=10, subs=(1.0,) if few else (1.0, 2.0, 5.0), numticks=9))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _legend(axes: Axes, *, columns: int = 3, anchor: tuple[float, float] = (0.0, 1.0)) -> None:
    """Names above the plot, where they cover nothing."""
    handles, _ = axes.get_legend_handles_labels()
    if handles:
        axes.legend(
            loc="lower left", bbox_to_anchor=anchor, ncols=columns, frameon=False, fontsize=11,
            labelcolor=svg.INK, borderaxespad=0.2, handlelength=1.8, columnspacing=1.4,
        )  # fmt: skip
