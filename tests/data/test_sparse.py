"""Sparse data: stored entries are known, absent ones unknown, nothing is densified whole."""

from __future__ import annotations

import json

import numpy as np
import pytest
import scipy.sparse as sp

from isthmus.data import fit_transform, open_source, transform_from_json
from isthmus.errors import DataError, SchemaError


def ratings() -> sp.csr_array:
    return sp.csr_array(
        (np.array([5.0, 3, 0, 4]), (np.array([0, 0, 1, 3]), np.array([1, 3, 0, 2]))), shape=(4, 5)
    )


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "lil", "dok", "dia", "bsr"])
@pytest.mark.parametrize("make", [sp.csr_array, sp.csr_matrix])
def test_every_format(form, make):
    given = make(ratings()).asformat(form)
    source = open_source(given)
    transform = transform_from_json(json.loads(json.dumps(fit_transform(source).to_json())))
    x, mask = transform.forward(given)
    np.testing.assert_array_equal(x.numpy(), ratings().toarray())
    if form in ("csr", "csc", "coo"):  # the others drop or add explicit zeros themselves
        assert int(mask.sum()) == 4
        assert mask[1, 0]
    np.testing.assert_array_equal(transform.inverse(x), ratings().toarray())
    pieces = list(source.blocks(3))
    assert [len(piece) for piece in pieces] == [3, 1]
    assert sum(int(transform.forward(piece)[1].sum()) for piece in pieces) == int(mask.sum())


def test_schema_and_scalings():
    source = open_source(ratings())
    assert source.schema.missing == pytest.approx(1 - 4 / 20)
    assert (source.schema.minimum, source.schema.maximum) == (0.0, 5.0)
    for scaling in ("standard", "minmax"):
        transform = fit_transform(source, scaling)
        x, mask = transform.forward(ratings())
        known = mask.numpy()
        np.testing.assert_allclose(transform.inverse(x)[known], ratings().toarray()[known], atol=1e-6)
        assert (x[~mask] == 0).all()
        assert float(x.min()) >= transform.low - 1e-6
        assert float(x.max()) <= transform.high + 1e-6


def test_moments_equal_those_of_the_dense_data():
    dense = np.random.default_rng(0).normal(5, 2, (300, 7))
    dense[np.random.default_rng(1).random((300, 7)) < 0.6] = np.nan
    rows, columns = np.nonzero(~np.isnan(dense))
    sparse = sp.csr_array((dense[rows, columns], (rows, columns)), shape=dense.shape)
    moments = open_source(sparse).moments()
    np.testing.assert_allclose(moments.mean, np.nanmean(dense, axis=0))
    np.testing.assert_allclose(moments.std, np.nanstd(dense, axis=0))


def test_duplicates_are_summed_in_a_copy():
    given = sp.csr_array((np.array([1.0, 2.0]), np.array([1, 1]), np.array([0, 2])), shape=(1, 3))
    x, _ = fit_transform(open_source(given)).forward(given)
    assert x.tolist() == [[0, 3, 0]]
    assert given.nnz == 2


def test_dense_rows_are_wholly_known():
    transform = fit_transform(open_source(ratings()))
    x, mask = transform.forward(np.array([[0.0, 1, np.nan, 3, 4]]))
    assert mask.tolist() == [[True, True, False, True, True]]
    assert x.tolist() == [[0, 1, 0, 3, 4]]


def test_every_row_once():
    source = open_source(sp.random_array((1_000, 6), density=0.2, rng=np.random.default_rng(0)))
    index = np.concatenate([rows.index for rows in source.shuffled(64, seed=1)])
    np.testing.assert_array_equal(np.sort(index), np.arange(1_000))


def test_refused():
    with pytest.raises(DataError, match="Complex data not supported"):
        open_source(sp.csr_array(np.ones((2, 2)) * 1j))
    with pytest.raises(DataError, match=r"0 sample\(s\) \(shape=\(0, 3\)\)"):
        open_source(sp.csr_array((0, 3)))
    infinite = ratings()
    infinite.data[3] = np.inf
    with pytest.raises(DataError, match="row 3, feature 2"):
        fit_transform(open_source(infinite))
    transform = fit_transform(open_source(ratings()))
    with pytest.raises(SchemaError, match="row 3, feature 2"):
        transform.forward(infinite)
    with pytest.raises(SchemaError, match="4 features, but Autoencoder is expecting 5"):
        transform.forward(ratings()[:, :4])
    with pytest.raises(SchemaError, match=r"toarray\(\)"):
        fit_transform(open_source(ratings().toarray())).forward(ratings())
