"""``isthmus demo``."""

from __future__ import annotations

from pathlib import Path

from isthmus.cli import messages
from isthmus.cli.options import Json, Quiet

HELD_OUT = 450
SEED = 0


def demo(*, out: Path = Path("isthmus-demo"), quiet: Quiet = False, json: Json = False) -> None:
    """Train on the digits that ship with scikit-learn, compare with PCA, write a model and a report.

    Parameters
    ----------
    out : folder for model and report.html; what an earlier demo left there is replaced.
    quiet : show no progress.
    json : print one JSON document.
    """
