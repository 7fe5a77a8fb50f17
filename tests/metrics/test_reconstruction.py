"""Streamed reconstruction measures against hand-worked numbers and whole-array formulas."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from isthmus.errors import DataError
from isthmus.metrics.distribution import ErrorDistribution
from isthmus.metrics.reconstruction import ReconstructionMeter


def test_hand_worked_two_rows() -> None:
    meter = ReconstructionMeter(2, mean=[1.0, 1.0])
    meter.update(np.array([[0.0, 1.0], [2.0, 3.0]]), np.array([[0.0, 2.0], [2.0, 1.0]]))
    result = meter.result()
    assert result.squared_error == (1 + 4) / 2
    assert result.mse == 5 / 4
    assert result.explained_variance == 1 - 5 / (1 + 0 + 1 + 4)
    assert result.per_feature.tolist() == [0.0, 2.5]
    assert result.worst.index.tolist() == [1, 0]
    assert result.worst.errors.tolist() == [2.0, 0.5]
    assert result.psnr(peak=2.0) == pytest.approx(10 * np.log10(4 / 1.25))


def test_unknown_entries_count_for_nothing_whatever_they_hold() -> None:
    x = np.array([[0.0, np.nan], [2.0, 3.0], [np.nan, np.inf]])
    mask = np.array([[True, False], [True, True], [False, False]])
    meter = ReconstructionMeter(2, mean=[1.0, 2.0])
    meter.update(x, np.array([[1.0, 1e30], [2.0, 1.0], [5.0, np.nan]]), mask)
    result = meter.result()
    assert (result.n, result.known, result.non_finite) == (3, 3, 0)
    assert result.mse == 5 / 3
    assert result.squared_error == 5 / 3
    assert result.explained_variance == 1 - 5 / 3
    assert result.per_feature.tolist() == [0.5, 4.0]
    assert result.worst.index.tolist() == [1, 0]  # row 2 knows nothing, so it has no error
    assert result.worst.mask.tolist() == [[True, True], [True, False]]
    assert result.worst.originals.tolist() == [[2.0, 3.0], [0.0, 0.0]]


@settings(max_examples=40, deadline=None)
@given(
    rows=st.integers(1, 40),
    features=st.integers(1, 5),
    cuts=st.lists(st.integers(1, 7), min_size=40, max_size=40),
    seed=st.integers(0, 1000),
    known_share=st.sampled_from([0.3, 0.8, 1.0]),
)
def test_stream_equals_whole(
    rows: int, features: int, cuts: list[int], seed: int, known_share: float
) -> None:
    generator = np.random.default_rng(seed)
    x, output = generator.normal(size=(2, rows, features)).astype(np.float32)
    mask = generator.random((rows, features)) < known_share
    index = generator.permutation(rows) + 100
    mean = generator.normal(size=features).astype(np.float32)
    meter, start = ReconstructionMeter(features, mean=mean, worst=5), 0
    for cut in cuts:
        part = slice(start, start + cut)
        meter.update(torch.from_numpy(x[part]), output[part], torch.from_numpy(mask[part]), index[part])
        start += cut
    result = meter.result()
    squares = np.where(mask, (output.astype(np.float64) - x) ** 2, 0)
    if not mask.any():
        assert result.mse is None and result.explained_variance is None
        return
    spread = np.where(mask, (x - mean.astype(np.float64)) ** 2, 0).sum()
    assert result.mse == pytest.approx(squares.sum() / mask.sum(), rel=1e-12)
    assert result.squared_error == pytest.approx(squares.sum() / rows, rel=1e-12)
    assert result.explained_variance == pytest.approx(1 - squares.sum() / spread, rel=1e-9, abs=1e-9)
    there = mask.any(axis=1)
    errors = squares[there].sum(axis=1) / mask[there].sum(axis=1)
    order = np.argsort(-errors)[:5]
    np.testing.assert_allclose(result.worst.errors, errors[order], rtol=1e-12)
    assert result.worst.index.tolist() == index[there][order].tolist()
    np.testing.assert_allclose(result.quantiles[[0, -1]], [errors.min(), errors.max()], rtol=1e-12)


def test_image_shaped_half_precision_tensors_are_read() -> None:
    x = torch.linspace(0, 1, 24).reshape(2, 1, 3, 4)
    meter = ReconstructionMeter(12)
    meter.update(x, (x + 0.5).to(torch.bfloat16))
    result = meter.result()
    assert result.mse == pytest.approx(0.25, rel=0.01)
    assert result.explained_variance is None  # no mean was given


@pytest.mark.parametrize("value", [0.0, 0.1, 1e6])
def test_constant_data_have_no_explained_variance(value: float) -> None:
    x = np.full((7, 3), value, dtype=np.float64)
    meter = ReconstructionMeter(3, mean=np.float32(x[0]))
    meter.update(x, x + 1e-3)
    assert meter.result().explained_variance is None


def test_diverged_reconstructions_are_counted_and_never_nan() -> None:
    meter = ReconstructionMeter(2, mean=[0, 0], worst=1)
    meter.update(np.ones((3, 2)), np.array([[1, 1], [np.nan, 1], [3, 3]]))
    result = meter.result()
    assert result.mse is None and result.squared_error is None and result.explained_variance is None
    assert result.non_finite == 1
    assert (result.worst.index.tolist(), result.worst.errors.tolist()) == ([1], [np.inf])


def test_an_empty_meter_answers_none() -> None:
    result = ReconstructionMeter(3, mean=[0, 0, 0]).result()
    assert (result.n, result.mse, result.squared_error, result.explained_variance) == (0, None, None, None)
    assert result.psnr() is None


def test_shapes_that_do_not_fit_are_refused() -> None:
    meter = ReconstructionMeter(4)
    with pytest.raises(DataError, match=r"x has shape \(2, 3\).* 4 numbers"):
        meter.update(np.zeros((2, 3)), np.zeros((2, 3)))
    with pytest.raises(DataError, match="reconstruction has 1 rows, x has 2"):
        meter.update(np.zeros((2, 4)), np.zeros((1, 4)))
    with pytest.raises(DataError, match="mask has shape"):
        meter.update(np.zeros((2, 4)), np.zeros((2, 4)), np.ones((2, 2), dtype=bool))


class TestErrorDistribution:
    def test_quantiles_of_a_long_stream_are_within_a_bin(self) -> None:
        errors = np.random.default_rng(1).lognormal(sigma=3, size=50_000)
        distribution = ErrorDistribution(limit=1000)
        for part in np.array_split(errors, 77):
            distribution.update(part, np.arange(len(part)))
        shares = np.linspace(0, 1, 21)
        assert not distribution.exact
        np.testing.assert_allclose(
            distribution.quantiles(shares), np.quantile(errors, shares, method="inverted_cdf"), rtol=0.012
        )

    def test_the_sample_is_even_and_does_not_depend_on_batches(self) -> None:
        errors = np.arange(20_000, dtype=np.float64)
        whole, pieces = ErrorDistribution(limit=2000), ErrorDistribution(limit=2000)
        whole.update(errors, np.arange(20_000))
        for part in np.array_split(np.arange(20_000), 501):
            pieces.update(errors[part], part)
        index, kept = whole.sample()
        assert len(kept) == 2000
        np.testing.assert_array_equal(index, kept)
        np.testing.assert_array_equal(index, pieces.sample()[0])
        # A tenth of every decile of the stream, within four standard deviations of the hypergeometric count.
        counts = np.bincount(index // 2000, minlength=10)
        assert np.abs(counts - 200).max() < 4 * np.sqrt(200 * 0.9 * 0.9)

    def test_short_streams_are_kept_whole(self) -> None:
        distribution = ErrorDistribution(limit=10)
        distribution.update(np.array([3.0, np.nan, 1.0, np.inf]), np.array([7, 8, 9, 10]))
        index, errors = distribution.sample()
        assert index.tolist() == [7, 9, 10]
        assert errors.tolist() == [3.0, 1.0, np.inf]
        assert distribution.quantiles([0.0, 0.5, 1.0]).tolist() == [1.0, 3.0, np.inf]
