"""Checkpoints know what they belong to; averages hold all that a network is made of."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from isthmus import Autoencoder
from isthmus.architectures import Dense
from isthmus.errors import CheckpointError
from isthmus.training import Training


def _model(checkpoint, **training):
    plan = Training(max_epochs=2, batch_size=16, checkpoint=str(checkpoint), **training)
    return Autoencoder(Dense((8,)), code=2, training=plan, random_state=0)


def test_other_data_of_the_same_shape_do_not_resume(tmp_path):
    X = np.random.default_rng(0).normal(size=(50, 6))
    _model(tmp_path / "state").fit(X)
    resumed = _model(tmp_path / "state", resume=True).fit(X)
    assert resumed.training_summary_["epochs"] == 2
    with pytest.raises(CheckpointError, match="other parts, data, seed or plan"):
        _model(tmp_path / "state", resume=True).fit(X + 1)


def test_an_average_takes_running_statistics_along():
    X = np.random.default_rng(0).normal(size=(64, 6)).astype(np.float32)
    model = Autoencoder(
        Dense((8,), normalization="batch"),
        code=2,
        training=Training(max_epochs=3, batch_size=16, averaging=0.9),
        random_state=0,
    ).fit(X)
    plain = Autoencoder(
        Dense((8,), normalization="batch"),
        code=2,
        training=Training(max_epochs=3, batch_size=16),
        random_state=0,
    ).fit(X)
    means = [
        next(v for k, v in m.network_.state_dict().items() if k.endswith("running_mean"))
        for m in (model, plain)
    ]
    assert not torch.equal(*means)
