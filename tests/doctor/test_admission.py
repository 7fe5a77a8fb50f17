"""How models and functions become patients."""

import numpy as np
import pytest

from doctor.patients import digits, functions, healthy
from isthmus.doctor.admission import of_functions, of_model
from isthmus.doctor.rows import Sampler
from isthmus.errors import DataError


def test_equal_rows_in_another_order_are_the_same_sample():
    rng = np.random.default_rng(0)
    x, known = rng.normal(size=(500, 7)).astype(np.float32), rng.random((500, 7)) < 0.9
    x *= known
    labels = rng.integers(0, 3, 500)
    samples = []
    for order in (np.arange(500), rng.permutation(500)):
        sampler = Sampler(60, seed=3)
        for part in np.array_split(order, 9):
            sampler.update(x[part], known[part], labels[part])
        samples.append(sampler.rows())
    first, second = samples
    assert len(first) == 60
    assert first.total == 500
    for name in ("x", "known", "labels"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_another_seed_chooses_other_rows_and_each_row_is_as_likely():
    x = np.arange(4000, dtype=np.float32)[:, None]
    counts = np.zeros(4000)
    for seed in range(40):
        sampler = Sampler(400, seed=seed)
        sampler.update(x, None, None)
        counts[sampler.rows().x[:, 0].astype(int)] += 1
    # A tenth of the rows in each of 40 samples: 4 on average, spread as a binomial is.
    assert counts.mean() == pytest.approx(4)
    assert counts.var() == pytest.approx(3.6, rel=0.15)


def test_a_model_sees_its_own_space_and_functions_see_the_layout_they_were_given():
    X_train, X_test, y_train, y_test = digits()
    patient = of_model(healthy(), X_train, X_test, y_train=y_train, y_test=y_test)
    assert patient.shape == (1, 8, 8)
    assert patient.classes == tuple(map(str, range(10)))
    np.testing.assert_allclose(patient.codes, patient.encode(patient.test.x))
    seen = []

    def encode(x):
        seen.append(x.shape)
        return x.reshape(len(x), -1)[:, :3]

    color = np.random.default_rng(0).random((50, 4, 5, 3)).astype(np.float32)
    other = of_functions(encode, lambda z: np.zeros((len(z), 4, 5, 3)), color, color)
    assert other.codes.shape == (50, 3)
    assert {shape[1:] for shape in seen} == {(4, 5, 3)}
    assert other.shape == (3, 4, 5)
    exact = of_functions(lambda x: x.reshape(len(x), -1), lambda z: z.reshape(-1, 4, 5, 3), color)
    assert exact.squares.max() == 0  # what is laid out anew comes back in its place


def test_a_class_that_only_held_out_rows_have_is_one_more():
    X_train, X_test, y_train, y_test = digits()
    few = y_train < 3
    patient = of_model(healthy(), X_train[few], X_test, y_train=y_train[few], y_test=y_test)
    assert patient.classes == tuple(map(str, range(10)))
    assert set(patient.train.labels) == {0, 1, 2}
    assert set(patient.test.labels) == set(range(10))
    with pytest.raises(DataError, match="y_test holds 'a'"):
        of_model(healthy(), X_train, X_test, y_train=y_train, y_test=np.array(["a"] * len(y_test)))


@pytest.mark.parametrize(
    ("encode", "decode", "words"),
    [
        (lambda x: x[:1], lambda z: z, "encode gave an array of shape"),
        (lambda x: x[:, :2], lambda z: z, "decode gave an array of shape"),
        (lambda x: x[:, :2] * np.nan, lambda z: z, "encode gave NaN"),
    ],
)
def test_functions_whose_results_do_not_fit_are_refused(encode, decode, words):
    with pytest.raises(DataError, match=words):
        functions(encode, decode).reconstruction  # noqa: B018


def test_arrays_that_are_no_numbers_are_refused():
    with pytest.raises(DataError, match="X_train must be an array of numbers"):
        of_functions(lambda x: x, lambda z: z, np.array([["a"]]))
    with pytest.raises(DataError, match="X_train holds NaN"):
        of_functions(lambda x: x, lambda z: z, np.full((3, 2), np.nan))
