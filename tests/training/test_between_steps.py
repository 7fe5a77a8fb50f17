"""Parts that change weights by hand between two steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
import torch

from isthmus import Autoencoder
from isthmus.architectures import Dense
from isthmus.penalties.penalty import Penalty
from isthmus.training import Training


@dataclass
class Pinned(Penalty):
    """Sets the first weight to the number of the step, and remembers who called."""

    calls: ClassVar[list[int]] = []

    def __call__(self, forward, state):
        return forward.z.square().sum(1)

    def between_steps(self, between, state):
        with torch.no_grad():
            next(between.network.encoder.parameters()).view(-1)[0] = float(between.step)
        assert isinstance(between.optimizer, torch.optim.Optimizer)
        assert between.context.generator is not None
        self.calls.append(between.step)


@pytest.fixture
def pinned():
    Pinned.calls.clear()
    return Pinned(1e-3)


def test_parts_act_after_every_step_and_never_in_evaluation(pinned):
    X = np.random.default_rng(0).random((50, 6)).astype(np.float32)
    training = Training(max_epochs=3, batch_size=20, threads=1)
    model = Autoencoder(Dense((4,)), code=2, penalties=(pinned,), training=training, random_state=0)
    model.fit(X, X_val=X)
    assert Pinned.calls == list(range(1, 10))
    assert next(model.network_.encoder.parameters()).detach().view(-1)[0] == 9.0
