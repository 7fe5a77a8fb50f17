"""Weights of a saved model as initial weights."""

import numpy as np
import pytest
import torch

from isthmus.architectures.dense import Dense
from isthmus.codes.deterministic import Deterministic
from isthmus.errors import InputError, ParameterError
from isthmus.estimator import Autoencoder
from isthmus.penalties.l1 import L1
from isthmus.training.initial.from_model import FromModel
from isthmus.training.training import Training

X = np.random.default_rng(0).random((40, 6)).astype(np.float32)


def model(initial="kaiming", *, epochs=0, **parts):
    plan = Training(max_epochs=epochs, initial_weights=initial, threads=1, device="cpu")
    return Autoencoder(
        **{"architecture": Dense((5,)), "code": 3, "training": plan, "random_state": 1} | parts
    )


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    place = tmp_path_factory.mktemp("saved") / "model"
    trained = model(epochs=3, architecture=Dense((5,), normalization="batch")).fit(X)
    trained.save(place)
    return trained, place


def test_it_begins_where_the_saved_model_ended(saved):
    trained, place = saved
    fresh = model(
        FromModel(str(place)), architecture=Dense((5,), normalization="batch", dropout=0.5), random_state=9
    )
    np.testing.assert_array_equal(fresh.fit(X).transform(X), trained.transform(X))
    # Other penalties, losses and data are what fine-tuning is for.
    fresh.set_params(penalties=(L1(0.1),), loss="huber", training__max_epochs=1)
    assert not np.array_equal(fresh.fit(X[:20]).transform(X), trained.transform(X))


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (
            {"architecture": Dense((4,), normalization="batch")},
            r"hidden of its architecture is \[5\], here \[4\]",
        ),
        ({"architecture": Dense((5,))}, "normalization of its architecture is 'batch', here 'none'"),
        ({"code": Deterministic(2)}, "its layers are 5x6 3x5 5x3 6x5, here 5x6 2x5 5x2 6x5"),
    ],
)
def test_other_layers_are_refused(parts, message, saved):
    with pytest.raises(ParameterError, match=message):
        model(FromModel(str(saved[1])), **{"architecture": Dense((5,), normalization="batch")} | parts).fit(X)


def test_what_is_missing_or_damaged_is_refused(saved, tmp_path):
    with pytest.raises(InputError, match="FromModel has no path: name the folder"):
        model("from_model").fit(X)
    with pytest.raises(InputError, match="there is no model at"):
        model(FromModel(str(tmp_path / "nothing"))).fit(X)
    with pytest.raises(ParameterError, match="path of FromModel must be a string"):
        FromModel(3)


def test_a_model_that_began_so_is_saved_and_loaded(saved, tmp_path):
    from isthmus.loading import load

    again = model(FromModel(str(saved[1])), architecture=Dense((5,), normalization="batch")).fit(X)
    again.save(tmp_path / "again")
    loaded = load(tmp_path / "again")
    assert loaded.training.initial_weights == FromModel(str(saved[1]))
    assert torch.equal(torch.tensor(loaded.transform(X)), torch.tensor(again.transform(X)))
