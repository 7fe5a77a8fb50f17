"""The numbers of a finding as people read them: measures with their intervals, and whatever else was noted."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from isthmus.reports.tables import escaped
from isthmus.reports.words import NONE, number
from isthmus.spec import Spec

if TYPE_CHECKING:
    from isthmus.doctor.finding import Measure

_ITEMS = 12  # of a list
_LINES = 20  # of a table made of a list
_NEAR = 0.04  # numbers further apart, in shares of the largest, are drawn on a scale that begins at 0


def evidence(found: Mapping[str, Any]) -> str:
    """The evidence of a finding as HTML: first a table of its measures, then the rest by name."""
    measured = list(_measures(found))
    rest = {name: value for name, value in found.items() if not _holds_measures(value)}
    alike = _alike(rest)
    lines = "".join(_entry(name, value) for name, value in rest.items() if name not in alike)
    return (
        (_measures_table(measured) if measured else "")
        + (f"<dl class='facts'>{lines}</dl>" if lines else "")
        + _table([{"": words(name), **value} for name, value in alike.items()])
    )


def _alike(found: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The mappings that have the same keys as another one, such as one a unit: they are rows of a table."""
    keys = {name: tuple(value) for name, value in found.items() if isinstance(value, Mapping) and value}
    shared = [names for names, count in Counter(keys.values()).most_common(1) if count > 1]
    return {name: found[name] for name, names in keys.items() if names in shared}


def is_measure(value: Any) -> TypeGuard[Measure]:
    """Whether evidence is a Measure; known by what it has, since reports do not import the doctor."""
    return hasattr(value, "null") and hasattr(value, "against") and hasattr(value, "what")


def _holds_measures(value: Any) -> bool:
    """A measure, or nothing but measures by name or in a row."""
    if isinstance(value, Mapping):
        return bool(value) and all(map(is_measure, value.values()))
    if isinstance(value, list | tuple):
        return bool(value) and all(map(is_measure, value))
    return is_measure(value)


def _measures(found: Mapping[str, Any]) -> Iterator[tuple[str, Measure]]:
    for name, value in found.items():
        if is_measure(value):
            yield name, value
        elif _holds_measures(value):
            pairs = value.items() if isinstance(value, Mapping) else enumerate(value, 1)
            for key, measure in pairs:
                yield f"{name}, {key}", measure


def _measures_table(measured: Sequence[tuple[str, Measure]]) -> str:
    rows = ""
    for name, measure in measured:
        rows += (
            f"<tr><th scope='row'>{escaped(measure.what or words(name))}<small>{escaped(name)}</small></th>"
            f"<td data-head='value'><b>{_number(measure.value)}</b>{_interval(measure)}</td>"
            f"<td data-head='compared with'>{_against(measure)}</td>"
            f"<td class='range'>{_range(measure)}</td>"
            f"<td data-head='from'>{NONE if measure.n is None else number(measure.n)}</td></tr>"
        )
    heads = (
        "<th scope='col'>what was measured</th><th scope='col'>value<small>95&nbsp;% interval</small></th>"
        "<th scope='col'>compared with</th>"
        "<td class='how' aria-hidden='true'><i>\N{BLACK CIRCLE}</i> value <i>|</i> compared</td>"
        "<th scope='col'>estimated from<small>rows or cases</small></th>"
    )
    return (
        f"<div class='scroll'><table class='numbers measures'><thead><tr>{heads}</tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )


def _interval(measure: Measure) -> str:
    if measure.low is None or measure.high is None:
        return ""
    return f"<small>{_number(measure.low)} to {_number(measure.high)}</small>"


def _against(measure: Measure) -> str:
    null = f"<small>{escaped(measure.null)}</small>" if measure.null else ""
    return (NONE if measure.against is None else _number(measure.against)) + null


def _range(measure: Measure) -> str:
    """A small drawing: the value and its interval as a dot on a bar, what it is compared with as an upright line."""
    low = measure.value if measure.low is None else measure.low
    high = measure.value if measure.high is None else measure.high
    known = [float(value) for value in (measure.value, low, high, measure.against) if value is not None]
    if not all(map(math.isfinite, known)) or min(known) == max(known):
        return ""
    if max(known) - min(known) >= _NEAR * max(map(abs, known)):
        known.append(0.0)
    start, span = min(known), max(known) - min(known)

    def across(value: float) -> float:
        return 6 + 88 * (value - start) / span

    marks = (
        "" if measure.against is None else f"<i class='null' style='left:{across(measure.against):.1f}%'></i>"
    )
    width = max(across(high) - across(low), 0)
    marks += f"<i class='band' style='left:{across(low):.1f}%;width:{width:.1f}%'></i>"
    marks += f"<i class='dot' style='left:{across(measure.value):.1f}%'></i>"
    return f"<span class='interval' aria-hidden='true'>{marks}</span>"


def _entry(name: str, value: Any) -> str:
    """A line of what was noted besides; lists of alike mappings become a table."""
    table = _table(value)
    wide = " class='whole'" if table else ""
    return f"<div{wide}><dt>{escaped(words(name))}</dt><dd>{table or readable(value)}</dd></div>"


def _table(value: Any) -> str:
    if not isinstance(value, list | tuple) or not value or not all(isinstance(row, Mapping) for row in value):
        return ""
    heads = list(dict.fromkeys(str(key) for row in value for key in row))
    if not heads:
        return ""
    body = "".join(
        "<tr>" + "".join(f"<td>{readable(row[key]) if key in row else NONE}</td>" for key in heads) + "</tr>"
        for row in value[:_LINES]
    )
    more = f"<p class='more'>and {len(value) - _LINES} more</p>" if len(value) > _LINES else ""
    head = "".join(f"<th scope='col'>{escaped(words(key))}</th>" for key in heads)
    return (
        "<div class='scroll'><table class='numbers'>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{more}"
    )


def readable(value: Any) -> str:
    """Any evidence as escaped text: rounded numbers, short lists, yes and no."""
    if is_measure(value):
        low, high = value.low, value.high
        text = _number(value.value)
        return text if low is None or high is None else f"{text} ({_number(low)} to {_number(high)})"
    if value is None:
        return NONE
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | float | np.integer | np.floating):
        return _number(float(value))
    if isinstance(value, Spec):
        return f"<code>{escaped(repr(value))}</code>"
    if isinstance(value, Mapping):
        pairs = [f"{escaped(words(key))}: {readable(item)}" for key, item in list(value.items())[:_ITEMS]]
        return "; ".join(pairs) + _more(len(value)) if pairs else "none"
    if isinstance(value, list | tuple | set | frozenset | np.ndarray):
        items = list(np.atleast_1d(value) if isinstance(value, np.ndarray) else value)
        inner = ["(" + readable(item) + ")" if _many(item) else readable(item) for item in items[:_ITEMS]]
        return ", ".join(inner) + _more(len(items)) if inner else "none"
    return escaped(value)


def _many(value: Any) -> bool:
    return isinstance(value, list | tuple | Mapping | np.ndarray)


def _more(count: int) -> str:
    return f" and {count - _ITEMS} more" if count > _ITEMS else ""


def words(name: object) -> str:
    """A name of Python as people write it: ``swap_gain`` becomes ``swap gain``."""
    return str(name).replace("_", " ")


def _number(value: float) -> str:
    return number(float(value))
