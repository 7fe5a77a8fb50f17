"""The pictures of a finding: arrays of any length, drawn by their kind, with caption, legend and marks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from isthmus.reports import plots
from isthmus.reports.pictures import data_uri
from isthmus.reports.series import Style, arrays, fixed, legend, styles
from isthmus.reports.tables import escaped
from isthmus.reports.words import number

if TYPE_CHECKING:
    from isthmus.doctor.finding import Picture

Array = npt.NDArray[Any]

_IMAGES, _GROUP = 12, 6  # drawn of every series; side by side before the next line
_ROWS = 24  # bars with names of their own; of more the largest
_CURVES = 10  # curves with names of their own; more are drawn as a bundle


def figure(picture: Picture, *, name: str) -> str:
    """A picture as an HTML figure.

    Parameters
    ----------
    picture : what a check left. name : unique in the page; ids inside begin with it.

    Raises MissingExtraError when matplotlib is not installed.
    """
    series = arrays(picture.series)
    note = ""
    if any(np.isfinite(values).any() for values in series.values()):
        body, note = _KINDS[picture.kind](picture, series, name)
    else:
        body = "<p class='nothing'>There is nothing to draw: no number is known.</p>"
    said = picture.caption if picture.caption.endswith((".", "!", "?")) else f"{picture.caption}."
    caption = escaped(f"{said} {note}".strip(" ").replace(" %", "\N{NO-BREAK SPACE}%"))
    kind = escaped(picture.kind)
    return f"<figure class='drawn kind-{kind}'>{body}<figcaption>{caption}</figcaption></figure>"


def _plot(svg: str, picture: Picture, series: Mapping[str, Array]) -> str:
    names = ", ".join(series)
    across = f" over {picture.axes[0]}" if picture.axes[0] else ""
    marks = "".join(f"; a line at {name}, {float(value):.4g}" for name, value in picture.marks.items())
    alt = f"{_NOUNS[picture.kind]} of {names}{across}{marks}"
    return f"<div class='plot' role='img' aria-label='{escaped(alt)}'>{svg}</div>"


def _named_axes(picture: Picture, series: Mapping[str, Array], side: int = 1) -> tuple[str, str]:
    """Names of the axes; the only series names the axis that has no name."""
    names = [picture.axes[0], picture.axes[1]]
    only = next(iter(series))
    if len(series) == 1 and not names[side] and len(only) <= 44:
        names[side] = only
    return names[0], names[1]


def _key(picture: Picture, styled: Mapping[str, Style], kind: str, axes: tuple[str, str]) -> str:
    """The legend, unless the only series is the name of an axis."""
    return "" if len(styled) == 1 and next(iter(styled)) in axes else legend(styled, kind)


def _curves(picture: Picture, series: dict[str, Array], name: str) -> tuple[str, str]:
    named = styles(list(series)) if len(series) <= _CURVES else {}
    axes = _named_axes(picture, series)
    x = None if picture.x is None else np.asarray(picture.x, dtype=np.float64).ravel()
    drawn = plots.curves(series, x, named, picture.marks, axes, name=name)
    note = "" if named else f"{len(series)} curves are drawn over one another."
    return _key(picture, named, "line", axes) + _plot(drawn, picture, series), note


def _scatter(picture: Picture, series: dict[str, Array], name: str) -> tuple[str, str]:
    named = {label: fixed(style) for label, style in styles(list(series)).items()}
    diagonal = "diagonal" in picture.caption.lower()  # a caption that speaks of it means to see it
    drawn = plots.cloud(series, named, picture.marks, picture.axes, diagonal=diagonal, name=name)
    return legend(named, "dot") + _plot(drawn, picture, series), ""


def _histogram(picture: Picture, series: dict[str, Array], name: str) -> tuple[str, str]:
    known = {label: values.ravel() for label, values in series.items() if np.isfinite(values).any()}
    named = styles(list(known))
    axes = _named_axes(picture, known, 0)
    drawn = plots.histogram(known, named, picture.marks, axes, name=name)
    return _key(picture, named, "area", axes) + _plot(drawn, picture, known), ""


def _matrix(picture: Picture, series: dict[str, Array], name: str) -> tuple[str, str]:
    label, values = next(iter(series.items()))
    table = values.reshape(len(values), -1) if values.ndim > 1 else values.reshape(1, -1)
    drawn = plots.matrix(table, picture.names, label, picture.axes, name=name)
    unknown = "Gray cells are not known." if not np.isfinite(table).all() else ""
    return _plot(drawn, picture, series), unknown


def _bars(picture: Picture, series: dict[str, Array], name: str) -> tuple[str, str]:
    flat = {label: values.ravel() for label, values in series.items()}
    count = max(len(values) for values in flat.values())
    named = styles(list(flat))
    if count > _ROWS and len(picture.names) != count:
        axes = (picture.axes[0] or "number", _named_axes(picture, flat)[1])
        drawn = plots.columns(flat, named, axes, name=name)
        return _key(picture, named, "area", axes) + _plot(drawn, picture, flat), ""
    names = [
        str(picture.names[place]) if place < len(picture.names) else str(place + 1) for place in range(count)
    ]
    kept: Sequence[int] = range(count)
    note = ""
    if count > _ROWS:
        first = np.nan_to_num(np.abs(next(iter(flat.values()))), nan=-1.0)
        kept = np.argsort(-first, kind="stable")[:_ROWS].tolist()
        note = f"The {_ROWS} largest of {number(count)} are shown."
    body = _bar_rows(flat, named, names, kept, picture.marks)
    if len(flat) > 1:
        return legend(named, "area", picture.marks) + body, note
    return f"<p class='only'>{escaped(next(iter(flat)))}</p>" + legend({}, "area", picture.marks) + body, note


def _bar_rows(
    series: Mapping[str, Array],
    styled: Mapping[str, Style],
    names: Sequence[str],
    kept: Sequence[int],
    marks: Mapping[str, float],
) -> str:
    known = [0.0, *(float(value) for value in marks.values())]
    known += [float(value) for values in series.values() for value in values]
    finite = [value for value in known if np.isfinite(value)]
    low, span = min(finite), (max(finite) - min(finite)) or 1.0

    def across(value: float) -> float:
        return 100 * (value - low) / span

    ticks = "".join(
        f"<span class='tick' style='left:{across(float(value)):.2f}%'></span>"
        for value in marks.values()
        if np.isfinite(value)
    )
    alone = styles(names) if len(series) == 1 and len(names) <= 4 else {}
    rows = ""
    for place in kept:
        for number_of, (label, values) in enumerate(series.items()):
            value = float(values[place]) if place < len(values) else float("nan")
            style = alone.get(names[place], styled[label])
            fill = ""
            if np.isfinite(value):
                start, end = sorted((across(0.0), across(value)))
                fill = (
                    f"<span class='fill' style='margin-left:{start:.2f}%;width:{end - start:.2f}%;"
                    f"background:{style.page}'></span>"
                )
            text = escaped(names[place]) if number_of == 0 else ""
            first = " first" if number_of == 0 and len(series) > 1 else ""
            shown = number(value) if np.isfinite(value) else "unknown"
            rows += (
                f"<div class='bar{first}'><span class='name' title='{escaped(names[place])}'>{text}</span>"
                f"<span class='track'>{fill}{ticks}</span><span class='value'>{shown}</span></div>"
            )
    return f"<div class='bars wide'>{rows}</div>"


def _images(picture: Picture, series: dict[str, Array], name: str) -> tuple[str, str]:
    stacks = {label: values if values.ndim > 2 else values[None] for label, values in series.items()}
    count = max(len(values) for values in stacks.values())
    shown = min(count, _IMAGES)
    groups = "".join(
        _strip(stacks, range(start, min(start + _GROUP, shown)), picture.names)
        for start in range(0, shown, _GROUP)
    )
    note = f"The first {shown} of {number(count)} are shown." if shown < count else ""
    return f"<div class='strips'>{groups}</div>", note


def _strip(stacks: Mapping[str, Array], columns: range, names: Sequence[str]) -> str:
    span = _GROUP if columns.start or columns.stop - columns.start == _GROUP else max(len(columns), 3)
    padding = "<td></td>" * (span - len(columns))
    head = "".join(
        f"<th scope='col'>{escaped(names[place]) if place < len(names) else place + 1}</th>"
        for place in columns
    )
    body = ""
    for label, images in stacks.items():
        cells = ""
        for place in columns:
            if place < len(images):
                alt = f"{label}, {names[place] if place < len(names) else place + 1}"
                address = data_uri(images[place], limits=(0.0, 1.0))
                cells += f"<td><img src='{address}' alt='{escaped(alt)}'></td>"
            else:
                cells += "<td></td>"
        body += f"<tr><th scope='row'>{escaped(label)}</th>{cells}{padding}</tr>"
    return (
        f"<table class='strip'><thead><tr><td></td>{head}{padding}</tr></thead><tbody>{body}</tbody></table>"
    )


_KINDS: dict[str, Callable[[Picture, dict[str, Array], str], tuple[str, str]]] = {
    "curves": _curves,
    "scatter": _scatter,
    "histogram": _histogram,
    "matrix": _matrix,
    "bars": _bars,
    "images": _images,
}
_NOUNS = {
    "curves": "curves",
    "scatter": "scatter plot",
    "histogram": "histograms",
    "matrix": "heat map",
    "bars": "bars",
    "images": "images",
}
