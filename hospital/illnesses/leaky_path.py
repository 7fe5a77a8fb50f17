"""A residual connection carries entries of the input past the bottleneck."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hospital.protocol import NO_MNIST, Case, Illness
from hospital.sound import HIDDEN, sound, trained
from isthmus.architectures.custom import Custom

if TYPE_CHECKING:
    from hospital.data import Data

#: Share of the entries that leak.
SHARES = (0.6, 0.8, 1.0)


def _make(data: Data, degree: int, seed: int) -> Case:
    leaked = round(SHARES[degree] * data.features)
    options = {"leaked": leaked, "hidden": HIDDEN}
    architecture = Custom("hospital.leak:Encoder", "hospital.leak:Decoder", options, options)
    return trained(sound(data, seed, architecture=architecture, code=data.code + leaked, loss="mse"), data)


ILLNESS = Illness(
    mistake="A residual connection adds entries of the input to the output, so the code that is kept holds them too.",
    degrees=(".6 of the entries leak", ".8", "all"),
    primary=("identity-copy",),
    accompanying=(
        "code-too-large",
        "redundant-code",
        "partial-collapse",
        "overfit",
        "prior-mismatch",
        "manifold-holes",
        "underfit",
        "dead-units",
    ),
    make=_make,
    sets=NO_MNIST,
)
