"""What a reproduction gives back."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Claim:
    """One thing that a paper, or a target of ours, says, and whether the numbers bear it out."""

    text: str
    holds: bool
    numbers: str


@dataclass(frozen=True)
class Reproduction:
    """Numbers beside the published ones.

    title : what is reproduced. anchor : the published numbers and where they stand. sections : heading and table or
    text of each. claims : judged. gap : what differs from the paper and why, in sentences. setting : data, split,
    seeds, budget, ``threads`` (an int). raw : everything measured, for the JSON file.
    """

    title: str
    anchor: str
    sections: list[tuple[str, str]]
    claims: list[Claim]
    gap: str
    setting: dict[str, Any]
    raw: Any


class Module(Protocol):
    """A file of this folder."""

    def run(self, wish: Namespace) -> Reproduction:
        """Measure. ``wish`` has ``quick`` (few rows and epochs, no result), ``seeds`` and ``threads``."""
        ...
