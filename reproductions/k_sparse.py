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
