"""Makhzani and Frey (2013): a linear classifier on k-sparse codes; and an over-complete dictionary without dead units."""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass
from statistics import mean
from typing import TYPE_CHECKING, Any

import numpy as np
from benchmarks.tables import markdown
from sklearn.linear_model import LogisticRegression

from isthmus.architectures import Dense
from isthmus.codes import Deterministic, TopK
from isthmus.composition import Composition, Parts
from isthmus.losses import SquaredError
from isthmus.metrics.dead_units import predicted_dead_fraction, unit_activity
from isthmus.penalties import L1, AuxiliaryK
from isthmus.training import Training
from isthmus.training.feeding import MemoryFeed
from isthmus.training.initial import Transposed
from isthmus.training.loop import train
from isthmus.training.watching import Silent
from isthmus.types import Batch, Event
from reproductions.mnist import images_and_labels
from reproductions.protocol import Claim, Reproduction

if TYPE_CHECKING:
    from isthmus.codes.code import Code
    from isthmus.penalties.penalty import Penalty

UNITS, K = 1000, 25
#: Numbers kept while encoding for the classifier, as multiples of k, and weights of the classifier, tried on held-out rows.
ALPHAS, STRENGTHS = (1, 3), (0.1, 0.3, 1.0)
HELD_OUT = 10_000
#: The dictionary: eight units a pixel.
WORDS, ACTIVE = 8 * 784, 32

ANCHOR = """Error in % of logistic regression on features of MNIST that were learned without labels (table 1 of
arXiv:1312.5663, from memory): raw pixels 7.20, RBM 1.81, autoencoder with dropout 1.80, denoising autoencoder 1.95,
with dropout 1.60, k-sparse autoencoder of 1000 tied linear units with k = 25: 1.35. Dictionaries (Gao et al. 2024,
arXiv:2406.04093): 7 % dead units at the largest size with the transposed beginning and the auxiliary loss, up to 90 %
without."""


@dataclass(frozen=True)
class Data:
    """Images (n, 784) in [0, 1] with their digits."""

    X: np.ndarray
    y: np.ndarray

    def cut(self, first: int, after: int) -> Data:
        """Some of the rows."""
        return Data(self.X[first:after], self.y[first:after])
