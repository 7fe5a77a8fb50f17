"""Dense arrays: what is refused and how, and the way to model space and back."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from isthmus.data import fit_transform, open_source, transform_from_json
from isthmus.errors import DataError, ParameterError, SchemaError

finite = st.floats(-1e6, 1e6, width=32)


def round_trip(values, scaling="auto"):
    """The transform after JSON, and what comes back of the values."""
    transform = fit_transform(open_source(values), scaling)
    again = transform_from_json(json.loads(json.dumps(transform.to_json())))
    assert again == transform
    x, mask = again.forward(values)
    assert x.dtype == torch.float32
    assert x.shape == (len(values), *again.event.shape)
    return again, x, mask, again.inverse(x)


@given(hnp.arrays(np.float32, hnp.array_shapes(min_dims=2, max_dims=2, max_side=6), elements=finite))
def test_float_vectors_are_taken_as_they_are(values):
    _, x, mask, back = round_trip(values)
    assert mask is None
    np.testing.assert_array_equal(x.numpy(), values)
    np.testing.assert_array_equal(back, values)
    assert back.dtype == np.float32


@given(
    hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=3, max_side=6)),
    st.sampled_from(["auto", "unit", "standard", "minmax", "none"]),
)
def test_uint8_comes_back_bit_for_bit(values, scaling):
    transform, x, _, back = round_trip(values, scaling)
    np.testing.assert_array_equal(back, values)
    assert back.dtype == np.uint8
    assert transform.low - 1e-5 <= float(x.min())
    assert float(x.max()) <= transform.high + 1e-5
    if scaling in ("auto", "unit"):
        np.testing.assert_array_equal(
            x.numpy().ravel(), (values / np.float32(255)).astype(np.float32).ravel()
        )


@given(hnp.arrays(np.float64, (7, 3), elements=finite), st.sampled_from(["standard", "minmax"]))
def test_scalings_undo_themselves(values, scaling):
    _, x, _, back = round_trip(values, scaling)
    size = np.abs(values).max() + 1
    np.testing.assert_allclose(back, values, atol=3e-6 * size, rtol=0)
    if scaling == "minmax":
        assert float(x.min()) >= -1e-5
        assert float(x.max()) <= 1 + 1e-5


def test_standard_scaling_is_sklearns():
    from sklearn.preprocessing import StandardScaler

    values = np.random.default_rng(0).normal(1e6, 3, size=(5000, 4))
    values[:, 1] = 7.1
    _, x, _, _ = round_trip(values, "standard")
    np.testing.assert_allclose(x.numpy(), StandardScaler().fit_transform(values), atol=1e-4)
    assert (x[:, 1] == 0).all()


def test_moments_ignore_offset_and_blocks():
    from isthmus.data.moments import Moments

    values = np.random.default_rng(1).normal(size=(10_000, 3))
    values[::7, 2] = np.nan
    moments = Moments(3)
    for part in np.array_split(values + 1e9, 13):
        moments.update(part)
    np.testing.assert_allclose(moments.mean - 1e9, np.nanmean(values, axis=0), atol=1e-6)
    np.testing.assert_allclose(moments.std, np.nanstd(values, axis=0), rtol=1e-6)
    np.testing.assert_array_equal(moments.count, (~np.isnan(values)).sum(axis=0))


def test_images_become_channels_first_and_come_back():
    rng = np.random.default_rng(0)
    grey, colour = rng.integers(0, 256, (5, 4, 6), dtype=np.uint8), rng.random((5, 4, 6, 3), dtype=np.float32)
    transform, x, _, back = round_trip(grey)
    assert transform.event.shape == (1, 4, 6)
    np.testing.assert_array_equal(back, grey)
    transform, x, _, back = round_trip(colour)
    assert transform.event.shape == (3, 4, 6)
    np.testing.assert_array_equal(x.numpy(), colour.transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(back, colour)
    assert transform.feature_names()[:2] == ["c0y0x0", "c0y0x1"]
    _, x, _, back = round_trip(colour, "standard")
    np.testing.assert_allclose(x.numpy().mean(axis=(0, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(back, colour, atol=1e-6)


def test_nan_is_unknown():
    values = np.array([[1.0, np.nan], [3.0, 4.0], [np.nan, 8.0]])
    transform = fit_transform(open_source(values), "standard")
    x, mask = transform.forward(values)
    np.testing.assert_array_equal(mask.numpy(), ~np.isnan(values))
    assert (x[~mask] == 0).all()
    assert transform.masked
    np.testing.assert_allclose(x.numpy()[:, 0], [-1, 1, 0])
    assert transform.forward(np.ones((2, 2)))[1].all()
    x, mask = fit_transform(open_source(np.ones((3, 2)))).forward(values)
    np.testing.assert_array_equal(mask.numpy(), ~np.isnan(values))


@pytest.mark.parametrize(
    "kind", ["numpy", "torch", "list", "bool", "object", "big-endian", "read-only", "int64", "half"]
)
def test_arrays_of_every_kind(kind):
    values = np.array([[0.0, 1.0], [1.0, 1.0], [1.0, 0.0]], dtype=np.float32)
    made = {
        "numpy": values,
        "torch": torch.tensor(values, requires_grad=True),
        "list": values.tolist(),
        "bool": values.astype(bool),
        "object": values.astype(object),
        "big-endian": values.astype(">f8"),
        "read-only": values.copy(),
        "int64": values.astype(np.int64),
        "half": torch.tensor(values, dtype=torch.bfloat16),
    }[kind]
    if kind == "read-only":
        made.flags.writeable = False
    source = open_source(made)
    x, mask = fit_transform(source).forward(made)
    assert mask is None
    np.testing.assert_array_equal(x.numpy(), values)
    assert source.dense_bytes == 24


def test_none_and_masked_entries_are_unknown():
    with_none = np.array([[1, None], [2, 3]], dtype=object)
    masked = np.ma.array([[1, 0], [2, 3]], mask=[[0, 1], [0, 0]])
    for values in (with_none, masked):
        x, mask = fit_transform(open_source(values)).forward(values)
        assert mask.tolist() == [[True, False], [True, True]]
        assert x.tolist() == [[1, 0], [2, 3]]


def test_x_is_fresh_memory():
    values = np.ones((3, 2), dtype=np.float32)
    x, _ = fit_transform(open_source(values)).forward(values)
    x.zero_()
    assert values.all()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (
            np.ones(3),
            r"Reshape your data either using array.reshape\(-1, 1\) if your data has a single feature or",
        ),
        (np.float64(3), "scalar array"),
        (np.ones((2, 2, 2, 2, 2)), "5 dimensions"),
        (np.ones((0, 3)), r"0 sample\(s\) \(shape=\(0, 3\)\) while a minimum of 1 is required"),
        (np.ones((3, 0)), r"0 feature\(s\) \(shape=\(3, 0\)\) while a minimum of 1 is required"),
        (np.ones((3, 2)) * 1j, "Complex data not supported"),
        (np.array([["a", "b"]]), "holds text"),
        (np.array([[1, "b"]], dtype=object), "'b' in row 0"),
        (np.array([["2020-01-01"]], dtype="datetime64[D]"), "datetime64"),
        (np.zeros(3, dtype=[("a", "f4")]), "structured array with fields a"),
        ([[1, 2], [3]], "differ in length"),
        (np.ones((2, 3, 8, 8)), "channels-first"),
        (torch.ones(2, 2, dtype=torch.complex64), "Complex data not supported"),
        ({"a": 1}, "dict is no data set"),
    ],
)
def test_refused(values, words):
    with pytest.raises(DataError, match=words):
        open_source(values)


def test_objects_that_are_no_numbers_are_a_type_error():
    values = np.ones((3, 2)).astype(object)
    values[0, 0] = {"foo": "bar"}
    with pytest.raises(TypeError, match=r"argument must be .* string.* number"):
        open_source(values)


@pytest.mark.parametrize("scaling", ["auto", "standard", "minmax"])
@pytest.mark.parametrize("bad", [np.inf, -np.inf])
def test_infinite_values_are_refused_with_their_place(scaling, bad):
    values = np.ones((20_000, 3))
    values[17_777, 2] = bad
    with pytest.raises(DataError, match="row 17777, feature 2"):
        fit_transform(open_source(values), scaling)
    transform = fit_transform(open_source(np.random.default_rng(0).random((9, 3))), scaling)
    with pytest.raises(SchemaError, match="row 17777, feature 2"):
        transform.forward(values)
    values[17_777, 2] = 1e300
    with pytest.raises(SchemaError, match=r"row 17777, feature 2, is 1e\+300"):
        transform.forward(values)


def test_row_numbers_in_messages_are_the_data_sets():
    values = np.ones((100, 2))
    values[70, 1] = np.inf
    transform = fit_transform(open_source(np.random.default_rng(0).random((9, 2))))
    blocks = list(open_source(values).blocks(32))
    transform.forward(blocks[1])
    with pytest.raises(SchemaError, match="row 70"):
        transform.forward(blocks[2])


def test_other_shapes_are_refused_as_sklearn_does():
    transform = fit_transform(open_source(np.ones((3, 4))))
    with pytest.raises(SchemaError, match=r"X has 1 features, but \w+ is expecting 4 features as input"):
        transform.forward(np.ones((2, 1)))
    images = fit_transform(open_source(np.ones((3, 4, 4))))
    with pytest.raises(SchemaError, match=r"\(5, 4\).*\(4, 4\)"):
        images.forward(np.ones((3, 5, 4)))
    with pytest.raises(SchemaError, match="model space"):
        images.inverse(np.ones((3, 4, 4)))


def test_values_in_another_unit_are_refused():
    images = np.random.default_rng(0).integers(0, 256, (9, 3, 3), dtype=np.uint8)
    transform = fit_transform(open_source(images))
    np.testing.assert_array_equal(transform.forward(images.astype(float))[0], transform.forward(images)[0])
    with pytest.raises(SchemaError, match="multiply by 255"):
        transform.forward(images / 255)
    bigger = images.astype(int)
    bigger[2, 1, 0] = 256
    with pytest.raises(SchemaError, match="row 2, channel 0, y 1, x 0, is 256"):
        transform.forward(bigger)


def test_scaling_is_checked():
    with pytest.raises(ParameterError, match="did you mean 'standard'"):
        fit_transform(open_source(np.ones((2, 2))), "standart")
    with pytest.raises(ParameterError, match="needs uint8"):
        fit_transform(open_source(np.ones((2, 2))), "unit")


@given(st.integers(1, 40), st.integers(1, 50))
@settings(max_examples=30)
def test_blocks_and_take_give_every_row(rows, block):
    values, labels = np.arange(rows * 2.0).reshape(rows, 2), np.arange(rows)
    from isthmus.data import ArraySource

    source = ArraySource(values, labels=labels)
    pieces = list(source.blocks(block))
    np.testing.assert_array_equal(np.concatenate([piece.values for piece in pieces]), values)
    np.testing.assert_array_equal(np.concatenate([piece.labels for piece in pieces]), labels)
    assert {len(piece) for piece in pieces[:-1]} <= {block}
    order = np.random.default_rng(rows).permutation(rows)
    np.testing.assert_array_equal(source.take(order).values, values[order])
