"""How many of its units a code uses for one row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Codes of which a row uses a smaller share of the units are sparse: meant to have more units than a row needs.
SPARSE = 0.5


def active_share(codes: NDArray[Any]) -> float:
    """codes (n, size) -> mean share of units that are not 0, among those that vary; 1 where none does."""
    alive = codes[:, varying(codes)]
    return float((alive != 0).mean()) if alive.size else 1.0


def varying(codes: NDArray[Any]) -> NDArray[np.bool_]:
    """codes (n, size) -> (size,) units that do not say the same for all rows, beyond rounding."""
    spread = codes.std(axis=0, dtype=np.float64)
    return np.asarray(spread > 1e-6 * max(float(spread.max(initial=0.0)), 1e-30))
