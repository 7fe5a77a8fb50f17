"""Lines of a history, stage by stage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def joint(history: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The lines of the training of the whole network, without those of stages that came before."""
    return [record for record in history if "stage" not in record]


def summed_up(history: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Each earlier stage by its name, in a few words."""
    return {
        name: f"{len(records)} epochs, loss {records[0]['loss']:.4g} to {records[-1]['loss']:.4g}, "
        f"{sum(record['seconds'] for record in records):.1f} s"
        for name, records in stages(history).items()
    }


def stages(history: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The lines of each earlier stage by its name, in order; empty for a training in one go."""
    found: dict[str, list[dict[str, Any]]] = {}
    for record in history:
        if "stage" in record:
            found.setdefault(record["stage"], []).append(record)
    return found
