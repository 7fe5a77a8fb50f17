from types import SimpleNamespace

import numpy as np
import pytest

from isthmus import Autoencoder
from isthmus.codes import Gaussian, TopK
from isthmus.corruptions import GaussianNoise, Masking
from isthmus.doctor import remedies
from isthmus.doctor.rates import Trials
from isthmus.doctor.remedies import lighter, relieved, resized, usual
from isthmus.penalties import L1, AuxiliaryK, WeightDecay
from isthmus.recipes import separate_classifier
from isthmus.training import Training


@pytest.mark.parametrize("code", [6, Gaussian(6, beta=0.5), TopK(6, k=2)])
def test_the_kind_of_code_stays(code):
    model = Autoencoder(code=code)
    kind = type(model.part("code"))
    model.set_params(**resized(model, 9))
    assert isinstance(model.part("code"), kind)
    assert model.part("code").size == 9


def test_sizes_that_other_parts_do_not_allow_give_no_patch():
    assert resized(Autoencoder(code=TopK(6, k=4)), 3) == {}
    divided = separate_classifier(16, classifier_size=10, redundancy=1.0)
    assert resized(divided, 10) == {}
    assert resized(divided, 11) == {"code__size": 11}


def test_a_pair_of_functions_and_a_code_of_nothing_give_no_patch():
    assert resized(None, 4) == {}
    assert resized(Autoencoder(code=4), 0) == {}


def trained_by(training, rows):
    """As much of a patient as is looked at."""
    return SimpleNamespace(model=Autoencoder(training=training), train=SimpleNamespace(total=rows))


@pytest.fixture
def without_trials(monkeypatch):
    monkeypatch.setattr(remedies, "trials", lambda patient: None)


def test_trainings_that_are_usual_or_near_it_get_no_remedy():
    for training in (
        Training(),
        Training(learning_rate=4e-3),
        Training(learning_rate=3e-4, schedule="constant"),
        Training(optimizer="muon", learning_rate=0.05),
    ):
        assert usual(trained_by(training, 1000)) == []


def test_several_mistakes_of_a_training_are_one_remedy(without_trials):
    ill = Training(learning_rate=0.2, shuffle=False, schedule="constant", initial_weights="lsuv")
    (remedy,) = usual(trained_by(ill, 10_000))
    assert remedy.patch == {
        "training__learning_rate": None,
        "training__max_epochs": 150,
        "training__shuffle": True,
        "training__schedule": "cosine",
    }
    (remedy,) = usual(trained_by(Training(optimizer="muon", learning_rate=1e-3), 10_000))
    assert remedy.patch == {"training__learning_rate": None}
    assert "rate of 0.02 instead of 0.001" in remedy.text
    (remedy,) = usual(trained_by(Training(shuffle=False), 10_000))
    assert remedy.patch == {"training__shuffle": True}


def test_whatever_is_asked_beside_small_errors_can_be_asked_for_less():
    model = Autoencoder(
        code=Gaussian(4, beta=2.0),
        corruption=Masking(0.97, level="sampled", floor=0.4),
        penalties=(L1(0.5), AuxiliaryK()),
    )
    for remedy in lighter(model):
        model.set_params(**remedy.patch)
    assert model.part("code").beta == pytest.approx(0.2)
    assert (model.corruption.rate, model.corruption.floor) == (0.24, 0.1)
    assert model.penalties == (L1(0.05), AuxiliaryK())
    assert lighter(Autoencoder(corruption=GaussianNoise(0.4)))[0].patch["corruption"] == GaussianNoise(0.1)
    assert lighter(Autoencoder()) == []


def test_a_penalty_that_outweighed_the_data_at_the_start_is_weighed_by_what_it_cost():
    X = np.random.default_rng(0).normal(size=(200, 6)).astype(np.float32)
    model = Autoencoder(code=2, loss="mse", penalties=(L1(1e-4), WeightDecay(20.0)), random_state=0)
    model.set_params(training__max_epochs=2, architecture__hidden=(8,)).fit(X)
    (remedy,) = relieved(model)
    light, heavy = remedy.patch["penalties"]
    assert light == L1(1e-4)
    first = model.history_[0]
    assert heavy.weight / 20.0 == pytest.approx(
        0.01 * first["reconstruction"] / first["weight_decay"], rel=0.05
    )
    assert "WeightDecay" in remedy.text
    model.set_params(penalties=(L1(1e-4),)).fit(X)
    assert relieved(model) == []


def test_a_rate_far_from_the_usual_gives_way_to_one_found_by_trials(monkeypatch):
    monkeypatch.setattr(remedies, "trials", lambda patient: Trials(0.00333, 296, (0.001, 0.01)))
    (remedy,) = usual(trained_by(Training(learning_rate=1e-5), 10_000))
    assert remedy.patch == {"training__learning_rate": 0.00333}
    assert "a third of the best of 0.001, 0.01 in trials of 296 steps, instead of 1e-05" in remedy.text


def test_few_rows_take_more_epochs_for_as_many_steps(without_trials):
    (remedy,) = usual(trained_by(Training(learning_rate=0.2, max_epochs=10, batch_size=50), 500))
    assert remedy.patch["training__max_epochs"] == 300


def test_a_divergence_above_the_bounds_own_weight_is_brought_to_it():
    X = np.random.default_rng(0).normal(size=(100, 4)).astype(np.float32)
    model = Autoencoder(code=Gaussian(2, beta=25.0), random_state=0).set_params(training__max_epochs=1).fit(X)
    assert [remedy.patch for remedy in relieved(model)] == [{"code__beta": 1.0}]
