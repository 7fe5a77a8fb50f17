"""The mean predictor and PCA, streamed, against scikit-learn on whole arrays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.decomposition import PCA

from isthmus.errors import DataError, ModelError, ParameterError
from isthmus.metrics.baselines import BaselineFitter, Baselines

Array = npt.NDArray[np.float64]


def fitted(
    x: npt.NDArray[np.float32], code_size: int, *, mask: npt.NDArray[np.bool_] | None = None, batch: int = 100
) -> Baselines:
    fitter = BaselineFitter(x[0].size, code_size=code_size)
    for start in range(0, len(x), batch):
        part = slice(start, start + batch)
        fitter.update(torch.from_numpy(x[part]), None if mask is None else mask[part])
    return fitter.finish()


def pca_error(train: Array, test: Array, code_size: int) -> float:
    pca = PCA(code_size, svd_solver="full").fit(train)
    return float(((pca.inverse_transform(pca.transform(test)) - test) ** 2).sum())


def low_rank(rows: int, features: int, rank: int, noise: float, seed: int = 0) -> npt.NDArray[np.float32]:
    generator = np.random.default_rng(seed)
    scores = generator.normal(size=(rows, rank)) * np.arange(1, rank + 1) ** -0.7
    x = scores @ generator.normal(size=(rank, features)) + noise * generator.normal(size=(rows, features))
    return (x + generator.normal(size=features) * 10).astype(np.float32)


@pytest.mark.parametrize("code_size", [1, 10, 40])
def test_digits_equal_scikit_learn(code_size: int) -> None:
    x = load_digits().data.astype(np.float32) / 16
    train, test = x[:1200], x[1200:]
    baselines = fitted(train, code_size)
    np.testing.assert_allclose(baselines.mean, train.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(baselines.components @ baselines.components.T, np.eye(code_size), atol=1e-5)
    ours = float(((baselines.pca_reconstruction(test).astype(np.float64) - test) ** 2).sum())
    assert ours == pytest.approx(pca_error(train.astype(np.float64), test, code_size), rel=1e-5)


def test_columns_of_very_different_scale_equal_scikit_learn() -> None:
    x = load_breast_cancer().data.astype(np.float32)  # variances from 1e-5 to 3e5
    baselines = fitted(x, 5)
    ours = float(((baselines.pca_reconstruction(x.astype(np.float64)).astype(np.float64) - x) ** 2).sum())
    assert ours == pytest.approx(pca_error(x.astype(np.float64), x, 5), rel=1e-4)


@pytest.mark.parametrize("features", [700, 1500])  # float32 products, with and without Lanczos
@pytest.mark.parametrize("ordered", [False, True])
def test_float32_products_equal_scikit_learn(features: int, ordered: bool) -> None:
    x = low_rank(900, features, rank=60, noise=0.1)
    if ordered:  # then the first block's mean is far from the true one
        x = x[np.argsort(x[:, 0])]
    baselines = fitted(x, 20, batch=128)
    ours = float(((baselines.pca_reconstruction(x).astype(np.float64) - x) ** 2).sum())
    assert ours == pytest.approx(pca_error(x.astype(np.float64), x, 20), rel=1e-4)


@pytest.mark.parametrize("late", [False, True])
def test_unknown_entries_stand_at_the_mean(late: bool) -> None:
    x = low_rank(400, 12, rank=3, noise=0.2)
    generator = np.random.default_rng(5)
    mask = generator.random(x.shape) < 0.7
    mask[:, 4] = False  # never known
    if late:
        mask[:200, :4] = mask[:200, 5:8] = True
        mask[:100] = True
        mask[:100, 4] = True
    hidden = np.where(mask, x, np.float32(np.nan))
    baselines = fitted(np.nan_to_num(hidden), 3, mask=mask)
    counts = mask.sum(axis=0)
    mean = np.where(counts > 0, np.nansum(hidden, axis=0, dtype=np.float64) / np.maximum(counts, 1), 0)
    np.testing.assert_allclose(baselines.mean, mean, rtol=1e-6)
    filled = np.where(mask, x, mean)
    pca = PCA(3, svd_solver="full").fit(filled)
    expected = pca.inverse_transform(pca.transform(filled))
    np.testing.assert_allclose(baselines.pca_reconstruction(x, mask), expected, rtol=1e-4, atol=1e-4)


def test_narrow_sparse_rows_are_the_masked_rows() -> None:
    x = low_rank(60, 8, rank=2, noise=0.1)
    mask = np.random.default_rng(0).random(x.shape) < 0.5
    rows, columns = np.nonzero(mask)
    values = x[mask]
    values[3] = 0.0  # an explicit zero is known
    dense = np.zeros_like(x)
    dense[rows, columns] = values
    fitter = BaselineFitter(8, code_size=2)
    fitter.update(sparse.csr_array((values, (rows, columns)), shape=x.shape))
    expected = fitted(dense, 2, mask=mask)
    np.testing.assert_allclose(fitter.finish().mean, expected.mean, rtol=1e-6)
    np.testing.assert_allclose(fitter.finish().components, expected.components, atol=1e-5)


class TestWide:
    def test_few_directions_are_found_exactly(self) -> None:
        x = low_rank(300, 5000, rank=8, noise=0)
        baselines = fitted(x, 8, batch=37)
        assert not baselines.exact
        np.testing.assert_allclose(baselines.mean, x.mean(axis=0, dtype=np.float64), rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(baselines.pca_reconstruction(x), x, atol=2e-3)

    def test_noisy_rows_in_a_bad_order_come_within_a_thousandth(self) -> None:
        x = low_rank(600, 4500, rank=40, noise=0.3)
        x = x[np.argsort(x[:, 0])]
        baselines = fitted(x, 10)
        ours = float(((baselines.pca_reconstruction(x).astype(np.float64) - x) ** 2).sum())
        exact = pca_error(x.astype(np.float64), x.astype(np.float64), 10)
        assert exact * (1 - 1e-6) <= ours <= exact * 1.001

    @pytest.mark.parametrize("kind", ["sparse", "dense"])
    def test_unknown_entries(self, kind: str) -> None:
        generator = np.random.default_rng(3)
        x = low_rank(700, 4200, rank=3, noise=0.1)
        mask = generator.random(x.shape) < 0.1
        fitter = BaselineFitter(4200, code_size=3)
        for start in range(0, 700, 100):
            part = slice(start, start + 100)
            if kind == "dense":
                fitter.update(np.where(mask[part], x[part], 0), mask[part])
            else:
                rows, columns = np.nonzero(mask[part])
                fitter.update(sparse.csr_matrix((x[part][mask[part]], (rows, columns)), shape=(100, 4200)))
        baselines = fitter.finish()
        mean = np.where(mask, x, 0).sum(axis=0, dtype=np.float64) / mask.sum(axis=0)
        np.testing.assert_allclose(baselines.mean, mean, rtol=1e-5, atol=1e-5)
        residual = np.where(mask, x - mean, 0)
        values = np.linalg.svd(residual, compute_uv=False)
        captured = float(((residual @ baselines.components.T) ** 2).sum())
        assert 0.999 <= captured / (values[:3] ** 2).sum() <= 1 + 1e-6

    def test_incomplete_rows_after_complete_ones(self) -> None:
        x = low_rank(300, 4200, rank=3, noise=0)
        mask = np.ones(x.shape, dtype=bool)
        mask[150:, ::7] = False
        baselines = fitted(x, 3, mask=mask)
        mean = np.where(mask, x, 0).sum(axis=0, dtype=np.float64) / mask.sum(axis=0)
        np.testing.assert_allclose(baselines.mean, mean, rtol=1e-4, atol=1e-4)
        assert baselines.n == 300

    def test_values_beyond_single_precision_are_refused(self) -> None:
        fitter = BaselineFitter(5000, code_size=4)
        with pytest.raises(DataError, match="larger than 1e"):
            fitter.update(np.full((2, 5000), 1e16, dtype=np.float32))

    def test_more_directions_than_announced_are_refused(self) -> None:
        fitter = BaselineFitter(5000, code_size=4)
        fitter.update(np.zeros((2, 5000), dtype=np.float32))
        with pytest.raises(ParameterError, match="at most 4 for 5000 features, got 5"):
            fitter.finish(5)


class TestSmall:
    def test_one_row_is_its_own_mean(self) -> None:
        baselines = fitted(np.array([[1.5, -2.0]], dtype=np.float32), 3)
        assert baselines.components.shape == (0, 2)
        assert baselines.code_size == 3
        assert baselines.pca_reconstruction(np.array([[9.0, 9.0]])).tolist() == [[1.5, -2.0]]

    def test_codes_as_large_as_the_rank_reconstruct_everything(self) -> None:
        x = low_rank(50, 6, rank=2, noise=0)
        for code_size in (2, 5, 6, 99):
            baselines = fitted(x, code_size)
            assert len(baselines.components) <= min(code_size, 6)
            np.testing.assert_allclose(baselines.pca_reconstruction(x), x, atol=1e-4)

    def test_fewer_rows_than_the_code(self) -> None:
        x = low_rank(4, 30, rank=10, noise=0.1)
        baselines = fitted(x, 10)
        assert len(baselines.components) == 3  # four centered rows span three directions
        np.testing.assert_allclose(baselines.pca_reconstruction(x), x, atol=1e-4)

    def test_constant_features_carry_no_direction(self) -> None:
        x = low_rank(80, 4, rank=4, noise=0.1)
        x[:, 2] = 0.1
        baselines = fitted(x, 3)
        assert np.abs(baselines.components[:, 2]).max() < 1e-6
        assert baselines.mean[2] == np.float32(0.1)
        assert fitted(np.full((9, 4), 0.1, dtype=np.float32), 2).components.shape == (0, 4)

    def test_one_feature(self) -> None:
        x = np.arange(10, dtype=np.float32)[:, None]
        baselines = fitted(x, 1)
        assert baselines.components.tolist() == [[1.0]]
        np.testing.assert_allclose(baselines.pca_reconstruction(x), x)


def test_huge_values_do_not_overflow() -> None:
    x = low_rank(40, 600, rank=3, noise=0.01) * np.float32(1e25)
    baselines = fitted(x, 3)
    restored = baselines.pca_reconstruction(x).astype(np.float64)
    assert np.linalg.norm(restored - x) < 0.05 * np.linalg.norm(x - x.mean(axis=0, dtype=np.float64))


def test_bad_rows_are_refused() -> None:
    fitter = BaselineFitter(2, code_size=1)
    with pytest.raises(DataError, match="saw no row"):
        fitter.finish()
    fitter.update(np.zeros((5, 2)))
    with pytest.raises(DataError, match="row 6 has NaN or infinite"):
        fitter.update(np.array([[0, 1], [np.nan, 1]]))
    fitter.update(np.array([[np.nan, 1]]), np.array([[False, True]]))
    with pytest.raises(DataError, match="sparse rows hold NaN"):
        fitter.update(sparse.csr_array([[np.inf, 1.0]]))
    with pytest.raises(DataError, match="width of the sparse rows must be 2, got 3"):
        fitter.update(sparse.csr_array([[1.0, 1.0, 1.0]]))
    with pytest.raises(ParameterError, match="at least 1"):
        fitter.finish(0)


class TestPersistence:
    def test_round_trip(self) -> None:
        baselines = fitted(low_rank(50, 6, rank=3, noise=0.1), 2)
        tensors = {name: torch.from_numpy(np.array(array)) for name, array in baselines.to_arrays().items()}
        again = Baselines.from_arrays(tensors)
        np.testing.assert_array_equal(again.mean, baselines.mean)
        np.testing.assert_array_equal(again.components, baselines.components)
        assert (again.code_size, again.n, again.exact) == (2, 50, True)

    def test_foreign_arrays_are_refused(self) -> None:
        arrays = fitted(low_rank(50, 6, rank=3, noise=0.1), 2).to_arrays()
        with pytest.raises(ModelError, match="cannot be read"):
            Baselines.from_arrays({name: array for name, array in arrays.items() if name != "facts"})
        with pytest.raises(ModelError, match="do not fit"):
            Baselines.from_arrays({**arrays, "mean": np.zeros(5)})
