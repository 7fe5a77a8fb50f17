"""Recipes that need labels: what they compose, what they refuse, and what they do to digits."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from isthmus import recipes
from isthmus.architectures.branches import Branches
from isthmus.architectures.dense import Dense
from isthmus.classification import predict
from isthmus.errors import ParameterError
from isthmus.metrics.redundancy import mean_canonical_correlation
from isthmus.penalties.classifier import Classifier
from isthmus.penalties.redundancy import Redundancy
from isthmus.penalties.siamese import Siamese

TRAIN, TEST = slice(0, 1200), slice(1200, None)


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))
    return (X[order] / 16).astype(np.float32), y[order]


@pytest.mark.parametrize("name", ["siamese", "classifying", "separate_classifier"])
def test_labels_are_asked_for(name, digits):
    with pytest.raises(ParameterError, match="pass y to fit"):
        recipes.get(name)(code_size=4, hidden=(8,)).set_params(training__max_epochs=1).fit(digits[0][:50])


def test_what_they_compose():
    assert recipes.siamese(4, weight=3.0, margin=2.0).penalties == (Siamese(3.0, 2.0, balanced=True),)
    assert recipes.classifying(4, weight=3.0, classifier_hidden=(5,)).penalties == (Classifier(3.0, (5,)),)
    model = recipes.separate_classifier(9, (7,), redundancy=0.5)
    assert model.architecture == Branches(Dense((7,)), Dense((7,)), 4, 0.0)
    assert model.penalties == (
        Classifier(1.0, units=(0, 4)),
        Redundancy(0.5, split=4, measure="cross_covariance", gives_way="second"),
    )
    assert recipes.separate_classifier(9).penalties == (Classifier(1.0, units=(0, 4)),)


@pytest.mark.parametrize(("code_size", "classifier_size"), [(1, None), (4, 4), (4, 0)])
def test_both_parts_need_units(code_size, classifier_size):
    with pytest.raises(ParameterError, match="classifier_size of separate_classifier must be between"):
        recipes.separate_classifier(code_size, classifier_size=classifier_size)


def test_one_code_holds_class_and_appearance(digits):
    X, y = digits
    model = recipes.classifying(8, (64,), weight=5.0, random_state=0)
    model.set_params(training__max_epochs=25, training__batch_size=32, training__learning_rate=5e-3)
    model.fit(X[TRAIN], y[TRAIN])
    assert (predict(model, X[TEST]) == y[TEST]).mean() > 0.93
    assert model.evaluate(X[TEST])["explained_variance"] > 0.6


def test_redundancy_between_the_parts_is_removed(digits):
    X, y = digits
    found = {}
    for weight in (0.0, 1.0):
        model = recipes.separate_classifier(
            14, (64,), classifier_size=10, redundancy=weight, measure="cca", random_state=0
        )
        model.set_params(training__max_epochs=40, training__batch_size=128).fit(X[TRAIN], y[TRAIN])
        codes = [np.split(model.transform(X[rows]), [10], axis=1) for rows in (TRAIN, TEST)]
        accuracy = (predict(model, X[TEST]) == y[TEST]).mean()
        error = model.evaluate(X[TEST])["mse"]
        found[weight] = mean_canonical_correlation(*codes[0], held_out=tuple(codes[1])), accuracy, error
    assert found[1.0][0] < 0.5 * found[0.0][0]
    # The classifier's encoder is told nothing of it.
    assert found[1.0][1] == pytest.approx(found[0.0][1], abs=0.02)
    assert found[0.0][1] > 0.8
    assert found[1.0][2] < 1.5 * found[0.0][2]
