"""isthmus: the autoencoder workbench that tells you when your autoencoder does not work, why, and what cures it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from isthmus.version import __version__

if TYPE_CHECKING:
    from isthmus import doctor as doctor
    from isthmus import recipes as recipes
    from isthmus.doctor.diagnosis import diagnose as diagnose
    from isthmus.estimator import Autoencoder as Autoencoder
    from isthmus.loading import load as load

# Arrow's own allocator reserves a gigabyte of address space at its first use, which a process under a memory limit
# does not have. It reads the variable when pyarrow is first imported, which scikit-learn does too, so this stands
# before everything else; a choice that the user made stays.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")

__all__ = ["Autoencoder", "__version__", "diagnose", "doctor", "load", "recipes"]

# Imported when first asked for: torch and scikit-learn take seconds, and `isthmus --help` needs neither.
_HOMES = {
    "Autoencoder": "isthmus.estimator",
    "diagnose": "isthmus.doctor.diagnosis",
    "doctor": "isthmus.doctor",
    "load": "isthmus.loading",
    "recipes": "isthmus.recipes",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'isthmus' has no attribute {name!r}")
    import importlib

    module = importlib.import_module(_HOMES[name])
    value = module if _HOMES[name] == f"isthmus.{name}" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
