"""The relational and the variational recipes: what they compose, and what they do to data."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestNeighbors

from isthmus import recipes
from isthmus.codes import Deterministic, Gaussian
from isthmus.corruptions import GaussianNoise
from isthmus.penalties import Generalized, KLSparsity, Relational

DIGITS = load_digits()
X = (DIGITS.images / 16).astype(np.float32)


def fitted(model, epochs):
    model.set_params(training__max_epochs=epochs, training__threads=1, training__device="cpu")
    return model.fit(X[:1200])


def test_what_they_compose():
    assert recipes.relational(weight=2.0).penalties == (Relational(2.0),)
    assert recipes.relational(relation="product").penalties[0].relation == "product"
    sparse = recipes.relational_sparse(activity=0.1)
    assert sparse.penalties == (Relational(), KLSparsity(0.1, 0.1))
    assert sparse.code == Deterministic(64, "sigmoid")
    assert recipes.relational_denoising(noise=0.5).corruption == GaussianNoise(0.5)
    assert recipes.relational_denoising(noise=0.0).corruption is None
    assert recipes.generalized(relation="labels").penalties == (Generalized(relation="labels", memory=1024),)
    assert recipes.vae(8).code == recipes.relational_variational(8).code == Gaussian(8)


def test_relational_variational_without_weight_is_the_vae():
    codes = [
        fitted(recipe, 2).transform(X[:50])
        for recipe in (
            recipes.vae(4, (16,), random_state=0),
            recipes.relational_variational(4, (16,), weight=0.0, random_state=0),
        )
    ]
    np.testing.assert_allclose(*codes, atol=1e-5)


def test_a_vae_of_digits_says_something_and_draws_digits():
    model = fitted(recipes.vae(8, (128,), random_state=0), 40)
    last = model.history_[-1]
    assert last["loss"] == pytest.approx(last["reconstruction"] + last["kl"])
    assert last["kl"] > 1
    active = model.transform(X).var(axis=0) > 0.01
    assert 2 <= active.sum() <= 8
    # A classifier of digits is surer of what it draws than of images with every pixel drawn by itself.
    judge = LogisticRegression(max_iter=300).fit(X.reshape(-1, 64), DIGITS.target)
    drawn = np.asarray(model.sample(300, random_state=0)).reshape(-1, 64)
    shuffled = np.random.default_rng(0).permuted(X[:300].reshape(-1, 64), axis=0)
    sure, unsure = (judge.predict_proba(images).max(axis=1).mean() for images in (drawn, shuffled))
    assert sure > unsure + 0.05
    assert len(np.unique(judge.predict(drawn))) >= 6


def test_relations_are_kept_and_the_data_are_not_lost():
    plain = fitted(recipes.dense(4, (64,), random_state=0), 30)
    related = fitted(recipes.relational(4, (64,), random_state=0), 30)
    held_out = X[1200:].reshape(-1, 64)

    def overlap(model):
        """Share of each row's ten nearest rows that are among the ten nearest of its code."""
        near = [
            NearestNeighbors(n_neighbors=10).fit(rows).kneighbors(return_distance=False)
            for rows in (held_out, model.transform(X[1200:]))
        ]
        return np.mean([len(set(one) & set(other)) / 10 for one, other in zip(*near, strict=True)])

    assert overlap(related) > overlap(plain) + 0.03
    errors = [model.reconstruction_error(X[1200:]).mean() for model in (related, plain)]
    assert errors[0] < 1.15 * errors[1]
