"""An encoder too simple for its decoder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hospital.protocol import NO_MNIST, Case, Illness
from hospital.sound import sound, trained
from isthmus.codes.gaussian import Gaussian

if TYPE_CHECKING:
    from hospital.data import Data

#: Hidden layers of the encoder; the decoder has (32, 64).
HIDDENS = ((8,), (4,), (2,))


def _make(data: Data, degree: int, seed: int) -> Case:
    weak = {"architecture__hidden": HIDDENS[degree], "architecture__decoder_hidden": (32, 64)}
    return trained(sound(data, seed, code=Gaussian(data.code, warm_up=0.5), **weak), data)


ILLNESS = Illness(
    mistake="A variational model whose encoder was made much smaller than its decoder, to be fast.",
    degrees=("8 hidden units", "4", "2"),
    primary=("posterior-misfit",),
    accompanying=(
        "worse-than-pca",
        "underfit",
        "posterior-collapse",
        "code-too-large",
        "redundant-code",
        "lost-information",
        "partial-collapse",
        "blur",
        "prior-mismatch",
        "mean-collapse",
    ),
    make=_make,
    sets=NO_MNIST,
    first=False,
)
