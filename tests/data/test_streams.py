"""Shuffling: every row once, by the seed alone, well mixed, in constant memory."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isthmus.data import fit_transform, open_source
from isthmus.data.rows import Rows
from isthmus.data.shuffling import mix, rebatch


def parts(folder, *, rows=10_000, files=3, group=1_000, text=False):
    """Parquet parts whose column ``n`` counts the rows."""
    folder.mkdir(exist_ok=True)
    start = 0
    for number in range(files):
        count = np.arange(start, start + rows)
        columns = {"n": count, "half": count / 2}
        if text:
            columns["word"] = np.array(["a", "b", "c"])[count % 3]
        columns["label"] = count % 7
        pq.write_table(pa.table(columns), folder / f"part-{number}.parquet", row_group_size=group)
        start += rows
    return folder


def numbers_of(rows, text):
    return rows.values["n"].to_numpy() if text else rows.values[:, 0]


@pytest.mark.parametrize("text", [False, True])
def test_parquet_gives_every_row_once(tmp_path, text):
    source = open_source(parts(tmp_path / "data", text=text), target="label")
    assert source.n_rows == 30_000
    for pieces in (list(source.blocks(777)), list(source.shuffled(777, seed=3, buffer_rows=5_000))):
        assert {len(piece) for piece in pieces[:-1]} == {777}
        numbers = np.concatenate([numbers_of(piece, text) for piece in pieces])
        index = np.concatenate([piece.index for piece in pieces])
        np.testing.assert_array_equal(numbers, index)
        np.testing.assert_array_equal(np.sort(numbers), np.arange(30_000))
        np.testing.assert_array_equal(np.concatenate([piece.labels for piece in pieces]), numbers % 7)
    np.testing.assert_array_equal(source.labels, np.arange(30_000) % 7)


def order(source, seed, **options):
    return np.concatenate([rows.index for rows in source.shuffled(512, seed=seed, **options)])


@pytest.mark.parametrize("kind", ["parquet", "array", "csv", "map"])
def test_order_depends_on_the_seed_alone(tmp_path, kind, monkeypatch):
    if kind == "parquet":
        source = open_source(parts(tmp_path / "data"))
    elif kind == "csv":
        (tmp_path / "a.csv").write_text("n\n" + "\n".join(map(str, range(20_000))))
        source = open_source(tmp_path / "a.csv")
    else:
        source = open_source(np.arange(20_000.0)[:, None])
        if kind == "map":
            monkeypatch.setattr("isthmus.data.source.PERMUTATION_ROWS", 100)
    np.random.seed(0)  # noqa: NPY002 (the global state must not matter)
    first = order(source, 1, buffer_rows=4_000)
    np.random.seed(1)  # noqa: NPY002
    np.testing.assert_array_equal(first, order(source, 1, buffer_rows=4_000))
    other = order(source, 2, buffer_rows=4_000)
    assert (first != other).mean() > 0.9
    np.testing.assert_array_equal(np.sort(first), np.arange(source.n_rows))
    np.testing.assert_array_equal(np.sort(other), np.arange(source.n_rows))


def test_units_are_spread_over_the_whole(tmp_path):
    """Rows that lie side by side in a file sorted by label end far apart."""
    source = open_source(parts(tmp_path / "data"))
    places = np.empty(30_000, dtype=int)
    places[order(source, 5, buffer_rows=6_000)] = np.arange(30_000)
    assert np.abs(np.diff(places)).mean() > 2_000
    assert abs(np.corrcoef(places, np.arange(30_000))[0, 1]) < 0.5


def test_the_shuffle_of_arrays_is_uniform():
    source = open_source(np.arange(5.0)[:, None])
    seen = np.zeros((5, 5))
    for seed in range(2_000):
        seen[np.arange(5), order(source, seed)] += 1
    assert np.abs(seen / 2_000 - 0.2).max() < 4 * np.sqrt(0.2 * 0.8 / 2_000)


@given(
    sizes=st.lists(st.lists(st.integers(0, 9), max_size=5), max_size=8),
    block=st.integers(1, 12),
    buffer=st.integers(1, 30),
    table=st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_mixing_loses_and_doubles_nothing(sizes, block, buffer, table):
    units, start = [], 0
    for unit in sizes:
        pieces = []
        for size in unit:
            index = np.arange(start, start + size)
            values = pa.table({"n": index}) if table else index[:, None].astype(float)
            pieces.append(Rows(values, index, index * 2))
            start += size
        units.append(lambda pieces=pieces: iter(pieces))
    out = list(rebatch(mix(units, seed=0, buffer_rows=buffer), block))
    index = np.concatenate([rows.index for rows in out]) if out else np.array([])
    np.testing.assert_array_equal(np.sort(index), np.arange(start))
    for rows in out:
        values = rows.values["n"].to_numpy() if table else rows.values[:, 0]
        np.testing.assert_array_equal(values, rows.index)
        np.testing.assert_array_equal(rows.labels, rows.index * 2)
    assert all(len(rows) == block for rows in out[:-1])
    for unit in units:  # what the units hold was not written to
        for piece in unit():
            np.testing.assert_array_equal(piece.index * 2, piece.labels)


def test_a_stream_dropped_half_way_leaves_no_thread(tmp_path):
    source = open_source(parts(tmp_path / "data"))
    before = threading.active_count()
    stream = source.shuffled(100, seed=0, buffer_rows=1_000)
    next(stream)
    stream.close()
    assert threading.active_count() == before


def test_only_the_named_columns_are_read(tmp_path):
    source = open_source(parts(tmp_path / "data", text=True), columns=["half"])
    rows = next(source.blocks(10))
    assert rows.values.shape == (10, 1)
    assert source.schema.names == ("half",)


def test_streamed_statistics_equal_those_in_memory(tmp_path):
    folder = parts(tmp_path / "data", text=True)
    streamed = fit_transform(open_source(folder))
    whole = pa.concat_tables(pq.read_table(path) for path in sorted(folder.iterdir()))
    inside = fit_transform(open_source(whole))
    assert streamed.feature_names() == inside.feature_names()
    np.testing.assert_allclose(streamed.affine.shift, inside.affine.shift, rtol=1e-12)
    np.testing.assert_allclose(streamed.affine.scale, inside.affine.scale, rtol=1e-12)
    np.testing.assert_allclose(streamed.affine.shift[0], 14_999.5, rtol=1e-12)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_data(tmp_path):
    """Between 8 and 32 parts lie 229 MB; the peak memory of a shuffled pass grows by less than a fifth of that."""
    script = textwrap.dedent(
        """
        import sys
        from isthmus.data import open_source
        source = open_source(sys.argv[1])
        total = sum(len(rows) for rows in source.shuffled(1024, seed=0, buffer_rows=50_000))
        peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
        print(total, int(peak.split()[1]) // 1024)
        """
    )
    part = tmp_path / "part.parquet"
    values = np.random.default_rng(0).random((125_000, 20), dtype=np.float32)
    pq.write_table(
        pa.table({f"c{place}": values[:, place] for place in range(20)}), part, row_group_size=62_500
    )
    peaks = []
    for files in (8, 32):
        folder = tmp_path / str(files)
        folder.mkdir()
        for number in range(files):
            os.link(part, folder / f"{number}.parquet")
        done = subprocess.run(
            [sys.executable, "-c", script, str(folder)], capture_output=True, text=True, check=True
        )
        total, peak = map(int, done.stdout.split())
        assert total == files * 125_000
        peaks.append(peak)
    assert peaks[1] - peaks[0] < 24 * 125_000 * 80 / 5 / 2**20
