"""Fine-tuning an encoder to classify: scikit-learn's contract, and what is trained and what is not."""

import warnings

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import estimator_checks_generator

import isthmus.tasks
from isthmus.architectures.conv import Conv
from isthmus.architectures.dense import Dense
from isthmus.codes.deterministic import Deterministic
from isthmus.codes.gaussian import Gaussian
from isthmus.corruptions.gaussian_noise import GaussianNoise
from isthmus.data.arrays import ArraySource
from isthmus.errors import DataError, ParameterError
from isthmus.estimator import Autoencoder, NotFittedError
from isthmus.penalties.l1 import L1
from isthmus.tasks.classifier import FineTunedClassifier
from isthmus.training.training import Training

DIGITS, LABELS = load_digits(return_X_y=True)
DIGITS = (DIGITS / 16).astype(np.float32)


def plan(**fields):
    return Training(**{"max_epochs": 3, "batch_size": 32, "threads": 1, "device": "cpu"} | fields)


def small(**fields):
    model = Autoencoder(Dense((16,)), code=8, training=plan(max_epochs=1), scaling="standard")
    return FineTunedClassifier(
        model,
        **{"training": plan(max_epochs=20, learning_rate=1e-2), "random_state": 0} | fields,
    )


def checks():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = list(estimator_checks_generator(small()))
    for estimator, check in found:
        name = check.func.__name__ if hasattr(check, "func") else check.__name__
        yield pytest.param(estimator, check, id=name)


@pytest.mark.filterwarnings("ignore:.*")
@pytest.mark.parametrize(("estimator", "check"), list(checks()))
def test_estimator_check(estimator, check):
    check(estimator)


def test_tasks_are_found_by_listing():
    assert isthmus.tasks.FineTunedClassifier is FineTunedClassifier
    assert "FineTunedClassifier" in dir(isthmus.tasks)
    with pytest.raises(AttributeError, match="did you mean 'FineTunedClassifier'"):
        _ = isthmus.tasks.FineTunedClasifier


@pytest.fixture(scope="module")
def autoencoder():
    """One that is fitted, with all that fine-tuning leaves out."""
    return Autoencoder(
        Dense((24,), activation="tanh"),
        code=Gaussian(8),
        corruption=GaussianNoise(0.2),
        penalties=(L1(1e-3),),
        training=plan(max_epochs=2),
        random_state=0,
    ).fit(DIGITS[:400])


def test_it_begins_where_the_autoencoder_ended(autoencoder):
    model = FineTunedClassifier(autoencoder, training=plan(max_epochs=0), random_state=0)
    model.fit(DIGITS[:400], LABELS[:400])
    with torch.inference_mode():
        codes = model.network_.encode(torch.tensor(DIGITS[:50])).z
    np.testing.assert_allclose(codes.numpy(), autoencoder.transform(DIGITS[:50]), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model.predict_proba(DIGITS[:7]), 0.1)


def test_only_what_the_head_reads_learns_and_the_autoencoder_stays(autoencoder):
    before = {name: value.clone() for name, value in autoencoder.network_.state_dict().items()}
    model = FineTunedClassifier(autoencoder, training=plan(), random_state=0).fit(DIGITS[:400], LABELS[:400])
    assert model.autoencoder_ is autoencoder
    for name, value in autoencoder.network_.state_dict().items():
        assert torch.equal(value, before[name])
    for name, value in model.network_.state_dict().items():
        if name in before:
            assert torch.equal(value, before[name]) == name.startswith("decoder")
    assert [record["loss"] for record in model.history_] == sorted(
        (record["loss"] for record in model.history_), reverse=True
    )


def test_the_hidden_layer_may_be_read(autoencoder):
    model = FineTunedClassifier(autoencoder, layer="hidden", training=plan(), random_state=0)
    model.fit(DIGITS[:400], LABELS[:400])
    assert model.network_.head.in_features == 24
    learning = {name for name, value in model.network_.named_parameters() if value.requires_grad}
    assert learning == {"encoder.blocks.0.weight", "encoder.blocks.0.bias", "head.weight", "head.bias"}
    flat = Autoencoder(Dense(()), code=3, training=plan(max_epochs=1), random_state=0)
    with pytest.raises(ParameterError, match="needs an encoder with hidden layers"):
        FineTunedClassifier(flat, layer="hidden").fit(DIGITS[:40], LABELS[:40])


def test_a_linear_encoder_is_logistic_regression():
    X, y = DIGITS[:600, :20], LABELS[:600] % 3
    linear = Autoencoder(Dense(()), code=20, training=plan(max_epochs=0, initial_weights="orthogonal"))
    model = FineTunedClassifier(
        linear, training=plan(max_epochs=150, batch_size=100, learning_rate=1e-2), random_state=0
    ).fit(X, y)
    best = LogisticRegression(C=np.inf, max_iter=5000).fit(X, y)
    ours, theirs = (log_loss(y, one.predict_proba(X)) for one in (model, best))
    assert ours == pytest.approx(theirs, rel=0.03)
    assert model.history_[-1]["cross_entropy"] == pytest.approx(ours, rel=0.02)


def test_it_learns_digits_and_rows_are_alone():
    y = np.array([f"digit {label}" for label in LABELS])
    model = small().fit(DIGITS[:1200], y[:1200])
    assert model.score(DIGITS[1200:], y[1200:]) > 0.85
    assert model.predict(DIGITS[:3]).dtype == y.dtype
    whole = model.predict_proba(DIGITS[:30])
    alone = np.concatenate([model.predict_proba(DIGITS[row : row + 1]) for row in range(30)])
    np.testing.assert_array_equal(whole, alone)
    np.testing.assert_allclose(whole.sum(1), 1, rtol=1e-12)


def test_images_and_convolutions():
    images = (load_digits().images[:200]).astype(np.uint8)
    model = FineTunedClassifier(
        Autoencoder(Conv((4,)), code=5, training=plan(max_epochs=1)), training=plan(), random_state=0
    )
    for layer in ("code", "hidden"):
        assert clone(model).set_params(layer=layer).fit(images, LABELS[:200]).predict(images).shape == (200,)


def test_early_stopping_keeps_the_best_weights():
    model = small(training=plan(max_epochs=60, learning_rate=0.03, schedule="constant", patience=4))
    model.fit(DIGITS[:300], LABELS[:300], X_val=DIGITS[300:600], y_val=LABELS[300:600])
    losses = [record["validation_loss"] for record in model.history_]
    assert model.training_summary_["best_epoch"] == 1 + int(np.argmin(losses)) == len(losses) - 4
    found = log_loss(LABELS[300:600], model.predict_proba(DIGITS[300:600]), labels=range(10))
    assert found == pytest.approx(min(losses), rel=1e-5)
    part = small(training=plan(patience=2, validation_fraction=0.2)).fit(DIGITS[:300], LABELS[:300])
    assert "validation_loss" in part.history_[0]


def test_labels_of_a_source_will_do():
    def source(first, last):
        return ArraySource(DIGITS[first:last], labels=LABELS[first:last])

    by_source = small().fit(source(0, 300), X_val=source(300, 400))
    by_hand = small().fit(DIGITS[:300], LABELS[:300], X_val=DIGITS[300:400], y_val=LABELS[300:400])
    assert by_source.history_[-1]["validation_loss"] == by_hand.history_[-1]["validation_loss"]


def test_the_seed_decides_where_the_autoencoder_has_none():
    found = [
        small(random_state=seed).fit(DIGITS[:99], LABELS[:99]).predict_proba(DIGITS[:9]) for seed in (1, 1, 2)
    ]
    np.testing.assert_array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])


def test_labels_reach_an_autoencoder_only_where_a_part_asks():
    seen = []

    class Asking(L1):
        needs = frozenset({"labels"})

        def __call__(self, forward, state):
            seen.append(forward.labels)
            return forward.z.abs().sum(1)

    model = small()
    model.fit(DIGITS[:50], LABELS[:50])
    assert not hasattr(model.autoencoder_, "classes_")
    model.set_params(autoencoder__penalties=(Asking(),)).fit(DIGITS[:50], LABELS[:50])
    assert seen and all(labels is not None for labels in seen)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"training": 3}, "training of FineTunedClassifier must be a Training, got 3"),
        ({"layer": "top"}, "layer of FineTunedClassifier must be 'code' or 'hidden', got 'top'"),
        ({"autoencoder": "dense"}, "autoencoder of FineTunedClassifier must be an Autoencoder, got 'dense'"),
    ],
)
def test_parameters_that_are_none(fields, message):
    with pytest.raises(ParameterError, match=message):
        small().set_params(**fields).fit(DIGITS[:20], LABELS[:20])


def test_labels_that_do_not_fit():
    X, y = DIGITS[:20], LABELS[:20]
    for labels, message in (
        (None, "requires y to be passed, but the target y is None"),
        (y[:19], "y has 19 labels for 20 rows of X"),
        (np.ones(20, int), "y has one class only, "),
        (np.linspace(0, 1, 20), "Unknown label type"),
    ):
        with pytest.raises(ValueError, match=message):
            small().fit(X, labels)
    with pytest.raises(DataError, match="y_val holds 77, which y does not"):
        small().fit(X, y, X_val=X, y_val=np.full(20, 77))
    with pytest.raises(DataError, match="one label for each of 20 rows of X_val, got none"):
        small().fit(X, y, X_val=X)
    with pytest.raises(NotFittedError, match="not fitted yet"):
        small().predict(X)


def test_grid_search_over_nested_names():
    grid = {
        "autoencoder__code": [Deterministic(8)],
        "training__learning_rate": [1e-6, 1e-2],
    }
    search = GridSearchCV(small(), grid, cv=2, error_score="raise").fit(DIGITS[:200], LABELS[:200])
    assert search.best_params_["training__learning_rate"] == 1e-2
