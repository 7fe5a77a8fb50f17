"""The column that matters is in a unit that makes its numbers small."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hospital.protocol import NO_MNIST, Case, Illness
from hospital.sound import sound, trained

if TYPE_CHECKING:
    from hospital.data import Data

#: Spread of the column, in that of an average one.
SHARES = (0.3, 0.1, 0.03)


def _make(data: Data, degree: int, seed: int) -> Case:
    generator = np.random.default_rng([seed, 23])
    train, test = data.flat()
    typical = float(np.sqrt(train.var(axis=0).mean()))
    X, y = [], []
    for rows in (train, test):
        important = generator.normal(size=(len(rows), 1)).astype(np.float32)
        X.append(np.concatenate([rows, SHARES[degree] * typical * important], axis=1))
        y.append((important[:, 0] > 0).astype(np.int64))
    return trained(sound(data, seed, loss="mse", scaling="none"), data, X=(X[0], X[1]), y=(y[0], y[1]))


ILLNESS = Illness(
    mistake="What the labels depend on is a column in a large unit (tonnes among grams), and nothing is scaled.",
    degrees=("spread .3 of that of others", ".1", ".03"),
    primary=("lost-information",),
    accompanying=("partial-collapse", "code-too-small"),
    make=_make,
    sets=NO_MNIST,
    unseen=False,
)
