"""One file a mistake, found by listing this folder; each holds an ``ILLNESS``."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hospital.protocol import Illness


@cache
def illnesses() -> dict[str, Illness]:
    """Every illness by its name: that of its file, with hyphens."""
    names = sorted(info.name for info in pkgutil.iter_modules(__path__) if not info.name.startswith("_"))
    return {name.replace("_", "-"): import_module(f"{__name__}.{name}").ILLNESS for name in names}
