"""Strengths that differ from row to row and from time to time."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from isthmus import Autoencoder, load
from isthmus.architectures import Dense
from isthmus.corruptions import GaussianNoise
from isthmus.errors import ParameterError
from isthmus.training import Training
from isthmus.types import Context, Event

EVENT = Event((400,))


def damage(noise: GaussianNoise, progress: float = 0.0, rows: int = 2000) -> torch.Tensor:
    """(rows,) the standard deviation of each row's noise."""
    context = Context(torch.Generator().manual_seed(0), progress)
    return noise(torch.zeros(rows, 400), context, mask=None, event=EVENT).std(1)


def test_sampled_levels_are_uniform_between_floor_and_strength():
    levels = damage(GaussianNoise(0.8, level="sampled", floor=0.2)).sort().values
    uniform = torch.linspace(0.2, 0.8, len(levels))
    assert (levels - uniform).abs().max() < 0.08  # of which 0.8 / sqrt(800) = 0.03 is sampling a deviation
    assert levels.std() > 0.15


@pytest.mark.parametrize(("level", "at"), [("falling", (0.8, 0.5, 0.2)), ("rising", (0.2, 0.5, 0.8))])
def test_scheduled_levels_follow_the_progress(level, at):
    noise = GaussianNoise(0.8, level=level, floor=0.2)
    found = [float(damage(noise, progress).mean()) for progress in (0.0, 0.5, 1.0)]
    assert np.allclose(found, at, atol=0.01)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"floor": 0.1}, "means nothing with level='fixed'"),
        ({"floor": 0.5, "level": "sampled"}, r"must be at most std=0\.3"),
    ],
)
def test_floors_that_mean_nothing_are_refused(fields, words):
    with pytest.raises(ParameterError, match=words):
        Autoencoder(corruption=GaussianNoise(0.3, **fields)).fit(np.zeros((4, 2), np.float32))


def trained(**choices):
    rng = np.random.default_rng(0)
    X = rng.random((120, 12), np.float32)
    choices.setdefault("training", Training(max_epochs=3, batch_size=32, threads=1))
    return Autoencoder(Dense((8,)), code=3, random_state=0, **choices).fit(X, rng.integers(0, 3, 120)), X


def test_more_steps_reconstruct_the_reconstruction():
    for corruption in (None, GaussianNoise(0.2)):
        model, X = trained(corruption=corruption)
        twice = model.reconstruct(model.reconstruct(X))
        assert np.array_equal(model.reconstruct(X, steps=2), twice)
        assert not np.array_equal(twice, model.reconstruct(X))
    with pytest.raises(ParameterError, match="steps of reconstruct must be at least 1"):
        model.reconstruct(X, steps=0)


def test_the_number_of_classes_is_kept_with_the_model(tmp_path):
    model, _ = trained()
    model.save(tmp_path / "m")
    assert model.event_.classes == load(tmp_path / "m").event_.classes == 3
    assert load(tmp_path / "m").network_.event.classes == 3


def test_centering_takes_the_mean_away_and_nothing_else():
    X = (5 + np.random.default_rng(0).standard_normal((300, 7)) * np.arange(1, 8)).astype(np.float32)
    model = Autoencoder(Dense(()), code=2, scaling="center", training=Training(max_epochs=0)).fit(X)
    x = next(model.batches(X)).x.numpy()
    assert np.allclose(x, X - X.mean(0), atol=1e-4)
    assert np.allclose(model.transform_.inverse(x), X, atol=1e-4)


def test_centered_images_keep_the_unit_scale():
    images = np.random.default_rng(0).integers(0, 256, (50, 6, 6), dtype=np.uint8)
    model = Autoencoder(Dense(()), code=2, scaling="center", training=Training(max_epochs=0)).fit(images)
    x = next(model.batches(images)).x.numpy()[:, 0]
    assert np.allclose(x, images / 255 - images.mean() / 255, atol=1e-5)
    assert np.array_equal(model.transform_.inverse(x[:, None]), images)
