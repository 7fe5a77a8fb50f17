"""Mixed tables: schema, unknown entries, levels, and what is refused naming the column."""

from __future__ import annotations

import datetime as dt
import json

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isthmus.data import (
    ExtraColumnWarning,
    Schema,
    UnseenLevelWarning,
    fit_transform,
    open_source,
    transform_from_json,
)
from isthmus.data.units import native
from isthmus.errors import DataError, SchemaError

DAYS = [dt.date(2020, 1, 1), None, dt.date(2021, 6, 5), dt.date(2019, 2, 3)]


def mixed() -> pa.Table:
    return pa.table(
        {
            "height (cm)": [150.0, 160.0, None, 182.5],
            "children": pa.array([1, None, 3, 0], pa.int32()),
            "town": ["Ulm", None, "Bern", "Ulm"],
            "smoker": [True, False, None, True],
            "size": pa.array(["L", "S", "L", None]).dictionary_encode(),
            "born": DAYS,
            "seen": pa.array([10**9, 2 * 10**9, None, 5], pa.timestamp("us", "UTC")),
            "always": [7, 7, 7, 7],
            "nothing": pa.nulls(4),
            "no text": pa.nulls(4, pa.string()),
        }
    )


def test_schema_says_what_the_columns_are():
    schema = open_source(mixed()).schema
    columns = {column.name: column for column in schema.columns}
    assert columns["height (cm)"].unit == "cm"
    assert (columns["height (cm)"].minimum, columns["height (cm)"].maximum) == (150.0, 182.5)
    assert columns["height (cm)"].missing == 0.25
    assert columns["town"].levels == ("Bern", "Ulm")
    assert columns["smoker"].levels == ("false", "true")
    assert columns["size"].dtype == "category of string"
    assert columns["born"].kind == "numeric"
    assert columns["always"].constant
    assert columns["nothing"].missing == columns["no text"].missing == 1.0
    assert Schema.from_json(json.loads(json.dumps(schema.to_json()))) == schema
    described = schema.describe()
    assert "Bern, Ulm" in described
    assert "nothing known" in described
    assert "always 7" in described
    assert schema.dense_bytes == 4 * schema.event_size * 5


def test_mixed_table_goes_there_and_back():
    table = mixed()
    transform = fit_transform(open_source(table))
    again = transform_from_json(json.loads(json.dumps(transform.to_json())))
    assert again == transform
    x, mask = again.forward(table)
    assert x.shape == (4, again.event.size)
    assert len(again.feature_names()) == again.event.size
    assert (x[~mask] == 0).all()
    back = again.inverse(x)
    assert back.column_names == table.column_names
    for name in table.column_names:
        for was, now in zip(table[name].to_pylist(), back[name].to_pylist(), strict=True):
            if was is None:
                continue
            if isinstance(was, dt.datetime):  # 2000 seconds apart, in float32
                assert abs(now - was) < dt.timedelta(milliseconds=1)
                continue
            assert now == (pytest.approx(was, abs=1e-4) if isinstance(was, float | int) else was), name
    assert back["born"].type == pa.date32()
    assert back["seen"].type == pa.timestamp("us", "UTC")
    assert back["size"].type == pa.dictionary(pa.int32(), pa.string())
    known = mask.numpy()
    for column in again.event.columns:
        expected = np.array([value is not None for value in table[column.name].to_pylist()])
        assert (known[:, column.entries] == expected[:, None]).all(), column.name


def test_known_numbers_are_standardised():
    transform = fit_transform(open_source(mixed()))
    x, mask = transform.forward(mixed())
    for place, column in zip(transform.event.columns, transform.schema.columns, strict=True):
        entries, known = x[:, place.start].numpy(), mask[:, place.start].numpy()
        if column.kind == "numeric" and column.missing < 1:
            np.testing.assert_allclose(entries[known].mean(), 0, atol=1e-6)
            np.testing.assert_allclose(entries[known].std(), 0 if column.constant else 1, atol=1e-5)
    assert transform.low == pytest.approx(min(0, float(x.min())), abs=1e-5)
    assert transform.high == pytest.approx(float(x.max()), abs=1e-5)


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table])
def test_frames_of_every_library_give_the_same(make):
    columns = {"a": [1.0, 2.5, None], "b": ["u", None, "v"], "c": [True, False, True], "d": [1, 2, 3]}
    frame = make(columns)
    source = open_source(frame)
    transform = fit_transform(source)
    x, mask = transform.forward(frame)
    reference, known = fit_transform(open_source(pa.table(columns))).forward(pa.table(columns))
    np.testing.assert_array_equal(x, reference)
    np.testing.assert_array_equal(mask, known)
    returned = native(transform.inverse(x), transform.schema.native)
    assert type(returned).__module__.partition(".")[0] == type(frame).__module__.partition(".")[0]


def test_pandas_category_of_numbers_comes_back():
    frame = pd.DataFrame({"grade": pd.Categorical([3, 1, 2, 1]), "x": [1.0, 2.0, 3.0, 4.0]})
    transform = fit_transform(open_source(frame))
    back = native(transform.inverse(transform.forward(frame)[0]), "pandas")
    assert back["grade"].tolist() == [3, 1, 2, 1]
    assert isinstance(back["grade"].dtype, pd.CategoricalDtype)


levels = st.one_of(st.none(), st.sampled_from(["red", "green", "blue "]))
numbers = st.one_of(st.none(), st.floats(-1e4, 1e4, width=32))


@given(st.lists(st.tuples(numbers, levels, st.one_of(st.none(), st.booleans())), min_size=1, max_size=30))
@settings(max_examples=60, deadline=None)
def test_known_entries_round_trip(rows):
    table = pa.table(
        {
            "n": pa.array([row[0] for row in rows], pa.float64()),
            "t": pa.array([row[1] for row in rows], pa.string()),
            "b": pa.array([row[2] for row in rows], pa.bool_()),
        }
    )
    transform = fit_transform(open_source(table))
    x, mask = transform.forward(table)
    back = transform.inverse(x)
    span = max((abs(row[0]) for row in rows if row[0] is not None), default=0.0) + 1
    for was, number, text, truth in zip(rows, *(back[name].to_pylist() for name in "ntb"), strict=True):
        assert was[0] is None or abs(was[0] - number) < 1e-5 * span
        assert was[1] in (None, text)
        assert was[2] in (None, truth)
    if mask is not None:
        known = sum(value is not None for row in rows for value in row)
        firsts = [column.start for column in transform.event.columns]
        assert int(mask[:, firsts].sum()) == known


def numeric_frame() -> pd.DataFrame:
    return pd.DataFrame(np.random.default_rng(0).normal(size=(50, 3)), columns=["a", "b", "c"])


def test_columns_are_found_by_name():
    frame = numeric_frame()
    transform = fit_transform(open_source(frame))
    reference = transform.forward(frame)[0]
    np.testing.assert_array_equal(transform.forward(frame[["c", "a", "b"]])[0], reference)
    np.testing.assert_array_equal(transform.forward(frame.to_numpy())[0], reference)
    rows = next(open_source(frame[["b", "c", "a"]]).blocks(100))
    np.testing.assert_array_equal(transform.forward(rows)[0], reference)
    with pytest.warns(ExtraColumnWarning, match="'d'"):
        np.testing.assert_array_equal(transform.forward(frame.assign(d=1))[0], reference)
    only = open_source(frame.assign(d=1), columns=transform.schema.names)
    np.testing.assert_array_equal(transform.forward(next(only.blocks(100)))[0], reference)


@pytest.mark.parametrize("rows", [False, True])
def test_faults_name_the_column(rows):
    frame = numeric_frame()
    transform = fit_transform(open_source(frame))

    def forward(data):
        return (
            [transform.forward(part) for part in open_source(data).blocks(20)]
            if rows
            else transform.forward(data)
        )

    with pytest.raises(SchemaError, match="lack column 'b'"):
        forward(frame.drop(columns="b"))
    with pytest.raises(SchemaError, match=r"lack column 'b'.*rename it to 'b '"):
        forward(frame.rename(columns={"b": "b "}))
    infinite = frame.copy()
    infinite.loc[33, "c"] = np.inf
    with pytest.raises(SchemaError, match="'c' in row 33"):
        forward(infinite)
    text = frame.astype({"b": object})
    text.loc[27, "b"] = "many"
    text["b"] = text["b"].astype(str)
    row = 0 if rows else 27  # a stream stops at its first block, in which all of the text reads as numbers
    with pytest.raises(SchemaError, match=f"'b' .* in row {row}"):
        forward(text)
    with pytest.raises(DataError, match=r"'b' .*'many'.* in row 27"):
        fit_transform(open_source(text))
    with pytest.raises(SchemaError, match="2 features, but Autoencoder is expecting 3"):
        transform.forward(frame.to_numpy()[:, :2])


def test_unseen_levels_count_as_unknown_and_warn():
    transform = fit_transform(open_source(mixed()))
    new = mixed().set_column(2, "town", pa.array(["Ulm", "Rome", "Oslo", None]))
    with pytest.warns(UnseenLevelWarning, match=r"'town'.*'Oslo', 'Rome'") as caught:
        x, mask = transform.forward(new)
    assert len(caught) == 1
    place = transform.event.columns[2]
    assert mask[:, place.entries].all(dim=1).tolist() == [True, False, False, False]
    assert x[:, place.entries].sum(dim=1).tolist() == [1, 0, 0, 0]


def test_values_of_a_column_training_knew_nothing_of():
    transform = fit_transform(open_source(mixed()))
    new = mixed().set_column(8, "nothing", pa.array([1e9, None, 3, 4]))
    with pytest.warns(UnseenLevelWarning, match="'nothing'"):
        x, mask = transform.forward(new)
    place = transform.event.columns[8].start
    assert not mask[:, place].any()
    assert not x[:, place].any()


def test_levels_as_numbers_of_a_new_file_still_match():
    train = pa.table({"code": ["1", "2", "A", "B", "C"], "x": [1.0, 2.0, 3.0, 4.0, 5.0]})
    transform = fit_transform(open_source(train))
    new = open_source(pa.table({"code": pa.array([2, 1, None], pa.int64()), "x": [1.0, 2.0, 3.0]}))
    x, mask = transform.forward(next(new.blocks(10)))
    assert x[:, :5].argmax(dim=1).tolist()[:2] == [1, 0]
    assert mask[:, 0].tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"id": [f"id{n}" for n in range(1500)]}, "'id'.*1,000 levels"),
        ({"id": [f"id{n}" for n in range(60)]}, "'id'.*60 different texts"),
        ({"n": ["1", "2", "3", "x7", "4"]}, "'n'.*'x7'.*row 3"),
        ({"v": [[1, 2], [3, 4]]}, "'v' .*list"),
        ({"v": [b"1", b"2"]}, "'v' .*binary"),
        ({"v": [1.0, np.inf]}, "'v'.*inf in row 1"),
        ({"v": pa.array([], pa.float64())}, r"0 sample\(s\) \(shape=\(0, 1\)\)"),
        ({}, r"0 feature\(s\)"),
    ],
)
def test_refused(columns, words):
    with pytest.raises(DataError, match=words):
        fit_transform(open_source(pa.table(columns)))


def test_other_faults_of_frames():
    with pytest.raises(DataError, match="more than one column 'a'"):
        open_source(pd.DataFrame([[1, 2]], columns=["a", "a"]))
    with pytest.raises(DataError, match=r"'m' .*mixes"):
        open_source(pd.DataFrame({"m": [1, "x", 2.5]}))
    with pytest.raises(DataError, match="Complex data not supported: column 'z'"):
        open_source(pd.DataFrame({"z": [1j]}))
    with pytest.raises(DataError, match="lazy"):
        open_source(pl.LazyFrame({"a": [1]}))
    with pytest.raises(SchemaError, match="no column 'tarrget': did you mean 'target'"):
        open_source(pa.table({"target": [1], "a": [2]}), target="tarrget")


def test_target_is_taken_out():
    table = pa.table({"a": [1.0, 2.0, 3.0, 4.0], "class": ["x", "y", "x", None], "n": [1, 2, 3, 4]})
    source = open_source(table, target="class")
    assert source.schema.names == ("a", "n")
    assert source.labels.tolist() == [0, 1, 0, -1]
    assert source.label_names == ("x", "y")
    assert source.take(np.array([2, 1])).labels.tolist() == [0, 1]
    assert np.concatenate([rows.labels for rows in source.blocks(3)]).tolist() == [0, 1, 0, -1]
    assert open_source(table, target="n").labels.tolist() == [1, 2, 3, 4]


def test_one_row_and_one_column():
    table = pa.table({"a": [3.0]})
    transform = fit_transform(open_source(table))
    assert transform.forward(table)[0].tolist() == [[0.0]]
    assert transform.inverse(np.zeros((1, 1))).to_pylist() == [{"a": 3.0}]
