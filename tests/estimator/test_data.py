"""Every kind of data goes in and comes back in its own form."""

import numpy as np
import pytest
import torch
from scipy import sparse

from estimator.test_contract import small
from isthmus import load
from isthmus.architectures.conv import Conv
from isthmus.errors import DataError, IsthmusError, NonFiniteError, ParameterError, SchemaError
from isthmus.estimator import Autoencoder, NotFittedError
from isthmus.losses.table import Table
from isthmus.training.training import Training


def numbers(n=40, features=5, seed=0):
    return np.random.default_rng(seed).random((n, features)).astype(np.float32)


def test_tensor_equals_array():
    X = numbers()
    one, two = small().fit(X), small().fit(torch.from_numpy(X))
    np.testing.assert_array_equal(one.transform(X), two.transform(torch.from_numpy(X)))
    back = two.reconstruct(torch.from_numpy(X))
    assert isinstance(back, torch.Tensor) and back.dtype == torch.float32
    np.testing.assert_array_equal(back.numpy(), one.reconstruct(X))


def test_sparse_entries_are_what_is_known():
    dense = numbers()
    known = np.random.default_rng(1).random(dense.shape) < 0.6
    known[0] = False
    rows, columns = np.nonzero(known)
    X = sparse.csr_array((dense[known], (rows, columns)), shape=dense.shape)
    X.data[3] = 0.0  # a stored zero is known
    holes = np.where(known, dense, np.nan)
    holes[rows[3], columns[3]] = 0.0
    one, two = small().fit(X), small().fit(holes)
    np.testing.assert_allclose(one.transform(X), two.transform(holes), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(one.score_samples(X), two.score_samples(holes), rtol=1e-5, atol=1e-6)
    errors = one.reconstruction_error(X)
    assert np.isnan(errors[0]) and np.isfinite(errors[1:]).all()
    for form in (sparse.csr_matrix(X), sparse.coo_array(X), sparse.csc_array(X)):
        np.testing.assert_array_equal(one.transform(form), one.transform(X))


def frame():
    pd = pytest.importorskip("pandas")
    generator = np.random.default_rng(0)
    n = 60
    return pd.DataFrame(
        {
            "height": np.where(generator.random(n) < 0.2, np.nan, generator.normal(170, 10, n)),
            "colour": generator.choice(["red", "green", "blue"], n),
            "constant": np.full(n, 7.0),
            "count": generator.integers(0, 9, n),
            "town": np.where(generator.random(n) < 0.2, None, generator.choice(["a", "b"], n)),
        }
    )


def test_mixed_tables_with_missing_entries():
    X = frame()
    model = small(code=3).set_params(training__max_epochs=30).fit(X)
    assert isinstance(model.network_.parts.loss, Table)
    assert list(model.feature_names_in_) == list(X.columns)
    assert model.n_features_in_ == 5
    assert [(column.name, column.kind, column.width) for column in model.event_.columns] == [
        ("height", "numeric", 1),
        ("colour", "categorical", 3),
        ("constant", "numeric", 1),
        ("count", "numeric", 1),
        ("town", "categorical", 2),
    ]
    back = model.reconstruct(X)
    assert type(back) is type(X)
    assert list(back.columns) == list(X.columns)
    assert set(back["colour"]) <= {"red", "green", "blue"}
    assert back["height"].between(120, 220).all()
    assert back["constant"].to_numpy() == pytest.approx(7.0, abs=1.0)
    assert not back.isna().any().any()
    assert model.history_[-1]["loss"] < model.history_[0]["loss"]


def test_what_is_missing_has_no_influence_on_the_loss():
    X = frame()
    model = small(code=3).fit(X)
    holes = X.copy()
    holes.loc[5, ["height", "colour", "count", "constant", "town"]] = [np.nan, None, np.nan, np.nan, None]
    holes["count"] = holes["count"].astype(float)
    assert model.score_samples(holes)[5] == 0
    assert np.isnan(model.reconstruction_error(holes)[5])


def test_an_unseen_category_is_unknown_and_said():
    X = frame()
    model = small().fit(X)
    other = X.head(4).copy()
    other.loc[2, "colour"] = "mauve"
    with pytest.warns(UserWarning, match=r"colour.*mauve"):
        codes = model.transform(other)
    missing = other.copy()
    missing.loc[2, "colour"] = None
    np.testing.assert_array_equal(codes, model.transform(missing))


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (lambda X: X.drop(columns="count"), "count"),
        (lambda X: X.assign(height="tall"), "height"),
        (lambda X: X.assign(height=np.inf), "height"),
    ],
    ids=["column gone", "text in a number", "infinite"],
)
def test_faults_of_tables_name_the_column(fault, words):
    X = frame()
    model = small().fit(X)
    with pytest.raises(SchemaError, match=words):
        model.transform(fault(X))


def test_polars_and_arrow_equal_pandas():
    X = frame()
    pl, pa = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    others = [pl.from_pandas(X), pa.Table.from_pandas(X)]
    model = small().fit(X)
    for other in others:
        again = small().fit(other)
        np.testing.assert_allclose(again.transform(other), model.transform(X), rtol=1e-5, atol=1e-6)
        back = again.reconstruct(other)
        assert type(back) is type(other)
        # A model of one kind of frame reads the others.
        np.testing.assert_allclose(model.transform(other), model.transform(X), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [(30, 9, 7), (30, 9, 7, 3)])
def test_images_of_bytes(shape):
    X = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    model = small(architecture=Conv((4, 6))).fit(X)
    assert model.event_.shape == (shape[3] if len(shape) == 4 else 1, 9, 7)
    back = model.reconstruct(X)
    assert back.dtype == np.uint8 and back.shape == shape
    assert model.inverse_transform(model.transform(X)).shape == shape
    assert model.sample(3, random_state=0).shape == (3, *shape[1:])
    model_space = (model.network_.reconstruct(model.transform_.forward(X)[0]).detach().numpy() * 255).round()
    pixels = np.moveaxis(model_space, 1, -1).reshape(shape).clip(0, 255)
    assert np.abs(pixels - back).max() <= 1
    assert small().fit(X).reconstruct(X).shape == shape  # Dense takes images too


@pytest.mark.parametrize(
    "X",
    [numbers(3), numbers(1), numbers(20, 1), np.ones((20, 4), np.float32), np.zeros((5, 1), np.float32)],
    ids=["few rows", "one row", "one feature", "constant columns", "all zero"],
)
@pytest.mark.parametrize("scaling", ["auto", "standard", "minmax"])
def test_tiny_data(X, scaling):
    model = small(scaling=scaling).fit(X)
    assert model.transform(X[:1]).shape == (1, 2)
    assert np.isfinite(model.reconstruct(X)).all()
    assert np.isfinite(model.sample(2, random_state=0)).all()
    assert np.isfinite(model.score(X))
    model.evaluate(X)


def test_validation_data_and_share():
    X = numbers(50)
    model = small().fit(X, X_val=numbers(20, seed=1))
    assert {"validation_loss", "validation_reconstruction"} <= set(model.history_[0])
    model = small().set_params(training__validation_fraction=0.2).fit(X)
    assert model.training_summary_["rows"] == 40
    assert "validation_loss" in model.history_[0]


def test_sampling():
    X = numbers()
    model = small().fit(X)
    first, second, third = (model.sample(5, random_state=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, third)
    spread = model.transform(model.sample(2000, random_state=0)).std(0)
    assert spread == pytest.approx(model.transform(model.reconstruct(X)).std(0), rel=0.3)


def test_saved_and_loaded(tmp_path):
    X = frame()
    model = small().fit(X, y=X["colour"].to_numpy())
    model.save(tmp_path / "model")
    again = load(tmp_path / "model")
    np.testing.assert_array_equal(again.transform(X), model.transform(X))
    np.testing.assert_array_equal(again.score_samples(X), model.score_samples(X))
    assert again.reconstruct(X).equals(model.reconstruct(X))
    assert again.history_ == model.history_
    assert again.get_params(deep=False) == model.get_params(deep=False)
    assert list(again.classes_) == list(model.classes_)
    assert list(again.feature_names_in_) == list(model.feature_names_in_)
    assert again.evaluate(X) == model.evaluate(X)
    again.save(tmp_path / "again")
    np.testing.assert_array_equal(load(tmp_path / "again").transform(X), model.transform(X))


def test_random_states():
    X = numbers()
    codes = [small(random_state=state).fit(X).transform(X) for state in (0, 0, 1, None, None)]
    np.testing.assert_array_equal(codes[0], codes[1])
    assert not np.array_equal(codes[0], codes[2])
    assert not np.array_equal(codes[3], codes[4])
    states = [small(random_state=np.random.RandomState(3)).fit(X).transform(X) for _ in range(2)]
    np.testing.assert_array_equal(*states)


def test_rows_as_numpy_scalars_and_lists():
    X = numbers().tolist()
    np.testing.assert_array_equal(small(code=np.int64(2)).fit(X).transform(X), small().fit(X).transform(X))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda X: small().transform(X), NotFittedError, "not fitted yet"),
        (lambda X: small().sample(), NotFittedError, "not fitted yet"),
        (lambda X: small().fit(X).transform(X[:, :3]), SchemaError, "3"),
        (lambda X: small().fit(X).transform(X[:, :, None]), DataError, "shape"),
        (lambda X: small().fit(X[:0]), DataError, "X is empty"),
        (lambda X: small().fit(np.where(X > 0.9, np.inf, X)), DataError, "infinite"),
        (lambda X: small().fit(X, y=[1, 2]), DataError, "y has 2 labels for 40 rows"),
        (lambda X: small(loss="bce").fit(X * 3), DataError, "bce"),
        (lambda X: small(loss="bcee").fit(X), ParameterError, "did you mean 'bce'"),
        (lambda X: small(code=0).fit(X), ParameterError, "size of Deterministic"),
        (lambda X: small(code="ten").fit(X), ParameterError, "code of Autoencoder"),
        (lambda X: small(penalties=(3,)).fit(X), ParameterError, "penalties of Autoencoder"),
        (lambda X: small(penalties=3).fit(X), ParameterError, "penalties of Autoencoder"),
        (lambda X: small(scaling="standrad").fit(X), ParameterError, "did you mean 'standard'"),
        (lambda X: small(random_state="x").fit(X), ParameterError, "random_state of Autoencoder"),
        (lambda X: small(random_state=-1).fit(X), ParameterError, "random_state of Autoencoder"),
        (lambda X: small().fit(X).sample(3, random_state="x"), ParameterError, "random_state of sample"),
        (lambda X: small(architecture=Conv((3,))).fit(X), ParameterError, "Conv needs images"),
        (lambda X: small().fit(X).inverse_transform(X), DataError, "this model's codes have 2 numbers"),
        (lambda X: small().fit(X).inverse_transform([[np.nan, 1]]), DataError, "NaN or infinity"),
        (lambda X: small().fit(X).sample(0), ParameterError, "n of sample"),
        (
            lambda X: small().set_params(training__optimizer="adan").fit(X),
            ParameterError,
            "did you mean 'adam'",
        ),
        (lambda X: small().set_params(training__device="tpu").fit(X), ParameterError, "device of Training"),
        (lambda X: small().set_params(training__patience=1).fit(X), ParameterError, "patience of Training"),
        (lambda X: small().set_params(architecture__hidden=(0,)).fit(X), ParameterError, "hidden of Dense"),
    ],
)
def test_refusals_are_one_clear_sentence(call, error, words):
    with pytest.raises(error, match=words) as caught:
        call(numbers())
    assert isinstance(caught.value, IsthmusError)
    assert "\n" not in str(caught.value)


def test_a_diverged_fit_keeps_the_last_good_weights():
    X = numbers()
    training = Training(
        max_epochs=200,
        optimizer="sgd",
        learning_rate=3.0,
        schedule="linear",
        threads=1,
        device="cpu",
        batch_size=40,
    )
    model = Autoencoder(code=2, training=training, random_state=0)
    with pytest.raises(NonFiniteError, match="learning rate ten times lower"):
        model.fit(X * 30)
    if hasattr(model, "network_"):
        assert model.training_summary_["stopped"] == "non-finite"
        assert np.isfinite(model.transform(X)).all()
