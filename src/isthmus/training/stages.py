"""Lines of a history, stage by stage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def joint(history: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The lines of the training of the whole network, without those of stages that came before."""
    return [record for record in history if "stage" not in record]


def stages(history: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The lines of each earlier stage by its name, in order; empty for a training in one go."""
    found: dict[str, list[dict[str, Any]]] = {}
    for record in history:
        if "stage" in record:
            found.setdefault(record["stage"], []).append(record)
    return found
