"""scikit-learn's contract."""

import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

from isthmus.architectures.dense import Dense
from isthmus.codes.deterministic import Deterministic
from isthmus.codes.gaussian import Gaussian
from isthmus.corruptions.gaussian_noise import GaussianNoise
from isthmus.errors import ParameterError
from isthmus.estimator import Autoencoder
from isthmus.losses.squared_error import SquaredError
from isthmus.penalties.l1 import L1
from isthmus.training.training import Training


def small(**fields):
    training = Training(max_epochs=2, batch_size=32, threads=1, device="cpu")
    return Autoencoder(
        **{"architecture": Dense((8,)), "code": 2, "training": training, "random_state": 0} | fields
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


def test_rows_do_not_depend_on_their_batch():
    X = np.random.default_rng(0).random((40, 6))
    model = small().fit(X)
    for method in (model.transform, model.score_samples, model.reconstruction_error):
        whole, alone = method(X), np.concatenate([method(X[row : row + 1]) for row in range(len(X))])
        np.testing.assert_array_equal(alone, whole)


def test_init_only_stores():
    parts = {
        "architecture": Dense((3,)),
        "code": Gaussian(2),
        "loss": SquaredError(),
        "corruption": GaussianNoise(0.3),
        "penalties": [L1()],
        "training": Training(),
        "scaling": "nonsense",
        "random_state": "nonsense",
    }
    model = Autoencoder(**parts)
    assert all(getattr(model, name) is value for name, value in parts.items())


def test_clone_is_equal_and_apart():
    model = small(penalties=(L1(0.5),))
    copy = clone(model)
    assert copy.architecture == model.architecture and copy.architecture is not model.architecture
    copy.set_params(architecture__hidden=(3,), training__max_epochs=9)
    assert model.architecture.hidden == (8,) and model.training.max_epochs == 2
    assert repr(clone(model)) == repr(model)


def test_fit_leaves_the_callers_parts():
    parts = {
        "architecture": Dense([8]),
        "code": Deterministic(2),
        "loss": SquaredError(),
        "corruption": GaussianNoise(0.1),
        "penalties": [L1(0.1)],
        "training": Training(max_epochs=1, threads=1, device="cpu"),
    }
    before = {name: repr(value) for name, value in parts.items()}
    kept = dict(parts)
    model = Autoencoder(**parts, random_state=0).fit(np.random.default_rng(0).random((20, 4)))
    assert {name: repr(value) for name, value in parts.items()} == before
    assert all(getattr(model, name) is kept[name] for name in parts)
    assert model.network_.parts.architecture is not parts["architecture"]
    # And the fitted model does not follow later changes.
    parts["loss"].__dict__["x"] = 1
    parts["architecture"].hidden = (99,)
    assert model.network_.parts.architecture.hidden == [8]


def test_nested_names_of_parts_that_are_none_or_a_name():
    model = Autoencoder().set_params(
        architecture__hidden=(4,), training__max_epochs=3, code__activation="relu"
    )
    assert model.architecture == Dense((4,))
    assert model.training.max_epochs == 3
    assert model.code == Deterministic(16, activation="relu")
    assert Autoencoder(loss="huber").set_params(loss__delta=2.0).loss.delta == 2.0
    with pytest.raises(ParameterError, match="did you mean 'hidden'"):
        model.set_params(architecture__hiden=(3,))
    with pytest.raises(ValueError, match="Invalid parameter 'codes'"):
        model.set_params(codes=3)


def test_grid_search_over_nested_names():
    X = np.random.default_rng(0).random((60, 5))
    grid = {"architecture__hidden": [(4,), ()], "code": [1, 4], "training__learning_rate": [1e-5, 2e-2]}
    search = GridSearchCV(small().set_params(training__max_epochs=10), grid, cv=2, error_score="raise").fit(X)
    assert len(search.cv_results_["params"]) == 8
    assert search.best_params_["training__learning_rate"] == 2e-2
    assert search.best_params_["code"] == 4
    assert search.best_estimator_.code_size_ == 4
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_pipeline():
    X, y = load_digits(n_class=3, return_X_y=True)
    model = small(architecture=Dense((32,)), code=8).set_params(
        training__max_epochs=40, training__learning_rate=5e-3
    )
    pipeline = make_pipeline(StandardScaler(), model, LogisticRegression())
    assert pipeline.fit(X[:300], y[:300]).score(X[300:], y[300:]) > 0.9
    names = pipeline[:-1].get_feature_names_out()
    assert list(names) == [f"autoencoder{place}" for place in range(8)]
    frame = clone(pipeline[:-1]).set_output(transform="pandas").fit_transform(X[:50])
    assert list(frame.columns) == list(names)


def test_labels():
    X = np.random.default_rng(0).random((30, 4))
    y = np.array(["b", "a", "c"] * 10)
    assert list(small().fit(X, y).classes_) == ["a", "b", "c"]
    assert not hasattr(small().fit(X, y).fit(X), "classes_")
    assert not hasattr(small().fit(X, y.view(np.uint32)[:30].astype(float)), "classes_")


def test_a_linear_autoencoder_spans_pcas_subspace():
    X = load_digits().data[:300].astype(np.float32) / 16
    training = Training(
        max_epochs=300, batch_size=50, learning_rate=1e-2, initial_weights="xavier", threads=1, device="cpu"
    )
    model = Autoencoder(Dense(()), code=4, training=training, random_state=0).fit(X)
    span = np.linalg.qr(model.network_.decoder.blocks[0].weight.detach().numpy())[0]
    directions = PCA(4).fit(X).components_
    # Cosines of the principal angles between the two subspaces.
    cosines = np.linalg.svd(directions @ span, compute_uv=False)
    assert cosines.min() > 0.99
    evaluation = model.evaluate(X)
    assert evaluation["squared_error"] == pytest.approx(
        evaluation["baselines"]["pca"]["squared_error"], rel=0.01
    )


def test_pca_weights_start_at_pca():
    X = load_digits().data[:300].astype(np.float32) / 16
    training = Training(max_epochs=0, initial_weights="pca", threads=1, device="cpu")
    evaluation = Autoencoder(Dense((40, 20)), code=6, training=training, random_state=0).fit(X).evaluate(X)
    assert evaluation["squared_error"] == pytest.approx(
        evaluation["baselines"]["pca"]["squared_error"], rel=1e-4
    )
