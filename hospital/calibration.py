"""What thresholds are chosen from: the numbers of each check on the ill and on the healthy of the calibration part."""

from __future__ import annotations

from typing import Any

import numpy as np
from benchmarks.tables import markdown
from scipy.stats import mannwhitneyu

from hospital.counts import allowed, controls, expected, ill

Record = dict[str, Any]
#: Fewer numbers than that on either side tell nothing.
LEAST = 5


def separations(records: list[Record]) -> str:
    """For each measure of each check: quantiles on healthy and on ill, and how well it tells them apart."""
    rows = []
    for code, name in dict.fromkeys(_measures(records)):
        own = [one for one in ill(records) if code in expected(one)]
        healthy = [one for one in controls(records) if code not in allowed(one)]
        sick, sound = (_values(group, code, name) for group in (own, healthy))
        if len(sick) >= LEAST and len(sound) >= LEAST:
            area = mannwhitneyu(sick, sound).statistic / (len(sick) * len(sound))
            rows.append([code, name, *_quantiles(sound), *_quantiles(sick), f"{max(area, 1 - area):.2f}"])
    heading = [
        "check",
        "measure",
        "healthy 5 %",
        "50 %",
        "95 %",
        "ill 5 %",
        "50 %",
        "95 %",
        "area under the curve",
    ]
    return markdown(heading, rows) if rows else "Too few patients for that."


def _measures(records: list[Record]) -> list[tuple[str, str]]:
    return [
        (code, name)
        for record in records
        for code, measures in record.get("evidence", {}).items()
        for name in measures
    ]


def _values(records: list[Record], code: str, name: str) -> list[float]:
    found = (record.get("evidence", {}).get(code, {}).get(name, [None])[0] for record in records)
    return [value for value in found if value is not None]


def _quantiles(values: list[float]) -> list[str]:
    return [f"{value:.3g}" for value in np.quantile(values, [0.05, 0.5, 0.95])]
