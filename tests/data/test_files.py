"""Readers of files: round trips through every format, and faults as one sentence."""

from __future__ import annotations

import gzip
import json
import os
import struct
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from isthmus.data import Schema, fit_transform, open_source, write
from isthmus.errors import DataError, InputError, IsthmusError, SchemaError

DATA = Path(os.environ.get("ISTHMUS_DATA", Path(__file__).parents[3] / "shared" / "data"))
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"the benchmark data are not at {DATA}")


def values_of(source):
    return np.concatenate([np.asarray(rows.values) for rows in source.blocks(7)])


def idx(array, code):
    return bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".parquet", ".csv"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_what_is_written_is_read(tmp_path, suffix, dtype):
    values = (np.random.default_rng(0).normal(size=(20, 3)) * 100).astype(dtype)
    write(tmp_path / f"a{suffix}", values)
    source = open_source(tmp_path / f"a{suffix}")
    assert source.n_rows == 20
    np.testing.assert_allclose(values_of(source), values, rtol=1e-7)


cells = st.one_of(
    st.none(), st.sampled_from(["plain", "with, comma", 'with "quotes"', "Grüße", "two\nlines"])
)


triples = st.tuples(cells, st.one_of(st.none(), st.floats(-1e9, 1e9)), st.integers(-9, 9))


@given(st.lists(triples, min_size=1, max_size=20))
@settings(max_examples=40, deadline=None)
def test_csv_and_parquet_round_trip(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("round")
    table = pa.table(
        {
            "text": pa.array([row[0] for row in rows], pa.string()),
            "number": pa.array([row[1] for row in rows], pa.float64()),
            "count": pa.array([row[2] for row in rows], pa.int64()),
        }
    )
    for suffix in (".csv", ".parquet"):
        write(folder / f"t{suffix}", table)
        source = open_source(folder / f"t{suffix}")
        read = (
            pa.concat_tables([piece.values for piece in source.blocks(3)])
            if any(row[0] for row in rows)
            else None
        )
        if read is not None:
            assert read.to_pydict() == table.to_pydict()
        assert [column.levels for column in source.schema.columns] == [
            column.levels for column in open_source(table).schema.columns
        ]


def test_npy_is_a_memory_map(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(12.0).reshape(4, 3))
    source = open_source(tmp_path / "a.npy")
    assert isinstance(source.array.base, np.memmap) or isinstance(source.array, np.memmap)
    assert source.schema.native == "file"
    x, _ = fit_transform(source).forward(next(source.blocks(4)))
    assert x.flatten().tolist() == list(range(12))


def test_npz_of_several_arrays(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, X=np.ones((4, 2)), y=np.array(["b", "a", "b", "b"]))
    assert open_source(f"{path}:X").n_rows == 4
    source = open_source(path, target="y")
    assert source.labels.tolist() == [1, 0, 1, 1]
    assert source.label_names == ("a", "b")
    with pytest.raises(DataError, match=r"2 arrays \(X, y\).*a.npz:X"):
        open_source(path)
    with pytest.raises(DataError, match=r"no array 'x': did you mean .*:X"):
        open_source(f"{path}:x")
    np.savez(tmp_path / "three.npz", a=np.ones((1, 1)), b=np.ones((1, 1)), c=np.ones((1, 1)))
    with pytest.raises(DataError, match=r"3 arrays \(a, b, c\)"):
        open_source(tmp_path / "three.npz")


def test_sparse_npz(tmp_path):
    matrix = sp.random_array((30, 8), density=0.3, rng=np.random.default_rng(0), format="csr")
    sp.save_npz(tmp_path / "s.npz", matrix)
    source = open_source(tmp_path / "s.npz")
    assert source.schema.kind == "sparse"
    assert source.take(np.arange(30)).values.toarray().tolist() == matrix.toarray().tolist()


@pytest.mark.parametrize("packed", [False, True])
def test_idx(tmp_path, packed):
    images = np.random.default_rng(0).integers(0, 256, (5, 4, 3), dtype=np.uint8)
    path = tmp_path / ("t-images-idx3-ubyte" + (".gz" if packed else ""))
    content = idx(images, 8)
    path.write_bytes(gzip.compress(content) if packed else content)
    np.testing.assert_array_equal(values_of(open_source(path)), images)
    path.write_bytes((gzip.compress(content) if packed else content)[:-9])
    with pytest.raises(DataError, match="fetch it anew"):
        open_source(path)
    path.write_bytes(b"hello, here is no IDX")
    with pytest.raises(DataError, match="no IDX file"):
        open_source(path)
    floats = np.arange(6, dtype=">f4").reshape(2, 3)
    (tmp_path / "f.idx").write_bytes(idx(floats, 13))
    np.testing.assert_array_equal(values_of(open_source(tmp_path / "f.idx")), floats)


def csv(tmp_path, text, name="a.csv"):
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_csv_kinds(tmp_path, name, mark):
    lines = ["age,town,day,ok,empty", "1,Ulm,2020-01-02,true,", "NA,,2021-01-02,false,", "2.5,Bern,,,"]
    path = csv(tmp_path, "\n".join(lines).replace(",", mark), name)
    columns = {column.name: column for column in open_source(path).schema.columns}
    assert columns["age"].missing == pytest.approx(1 / 3)
    assert columns["town"].levels == ("Bern", "Ulm")
    assert columns["day"].dtype == "date32[day]"
    assert columns["ok"].levels == ("false", "true")
    assert columns["empty"].missing == 1.0


def test_csv_types_come_from_the_whole_file(tmp_path, monkeypatch):
    monkeypatch.setattr("isthmus.data.delimited.BLOCK_BYTES", 1 << 10)
    rows = [f"{n},{'' if n < 900 else n},{n % 2},{'' if n < 900 else 'late'}" for n in range(1000)]
    rows[990] = "1.5,7,0.25,late"
    source = open_source(csv(tmp_path, "a,b,c,d\n" + "\n".join(rows)))
    assert [column.dtype for column in source.schema.columns] == ["double", "int64", "double", "string"]
    assert source.n_rows == 1000
    rows[995] = "many,7,0,late"
    with pytest.raises(DataError, match=r"'a' .*'many'.* row 995"):
        open_source(csv(tmp_path, "a,b,c,d\n" + "\n".join(rows), "b.csv"))


def test_csv_headers(tmp_path):
    assert open_source(csv(tmp_path, "1.5,2\n3,4\n")).schema.names == ("x0", "x1")
    assert open_source(csv(tmp_path, "1.5,2\n3,4\n")).n_rows == 2
    assert open_source(csv(tmp_path, "0,1\n3,4\n")).n_rows == 1
    assert open_source(csv(tmp_path, "\ufeffa,b\n3,4\n")).schema.names == ("a", "b")
    source = open_source(csv(tmp_path, "a,b,c\n3,x,5\n"), target="b", columns=["c", "a"])
    assert source.schema.names == ("c", "a")
    assert source.labels.tolist() == [0]
    assert next(source.blocks(1)).values.tolist() == [[5, 3]]


def test_whitespace_text(tmp_path):
    source = open_source(csv(tmp_path, "1 2.5  3\n4 5 6\n", "a.txt.gz"), target="0")
    assert source.labels.tolist() == [1, 4]
    assert values_of(source).tolist() == [[2.5, 3], [5, 6]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n1,2\n3\n", "no proper table .*Expected 2 columns, got 1"),
        ("a,a\n1,2\n", "more than one column 'a'"),
        ("a,b\n", r"0 sample\(s\)"),
        ("\n\n", "no rows"),
        ("a,b\n1,inf\n", "'b' .*inf in row 0"),
        ("a,b\n1,2\nx,2\n3,4\n5,5\n", "'a' .*'x'.* row 1"),
    ],
)
def test_faulty_csv(tmp_path, text, words):
    with pytest.raises(DataError, match=words):
        fit_transform(open_source(csv(tmp_path, text)))


def test_other_faults_of_csv(tmp_path):
    path = csv(tmp_path, "name\nüöä\n")
    path.write_bytes("name\nüöä\n".encode("latin-1"))
    with pytest.raises(DataError, match="not UTF-8"):
        open_source(path)
    random = np.random.default_rng(0).normal(size=(20_000, 5))
    whole = gzip.compress(pd.DataFrame(random, columns=list("abcde")).to_csv(index=False).encode())
    (tmp_path / "cut.csv.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"damaged|anew"):
        open_source(tmp_path / "cut.csv.gz")


@pytest.mark.parametrize("size", [0, 1, 2, 100, 5_000])
@pytest.mark.parametrize("suffix", [".npy", ".npz", ".parquet", ".csv.gz", ".idx"])
def test_cut_files_are_refused_in_one_sentence(tmp_path, suffix, size):
    values = np.random.default_rng(0).normal(size=(500, 4)).astype(np.float32)
    path = tmp_path / f"a{suffix}"
    if suffix == ".csv.gz":
        path.write_bytes(gzip.compress(pd.DataFrame(values).to_csv(index=False).encode()))
    elif suffix == ".idx":
        path.write_bytes(idx(values.astype(">f4"), 13))
    else:
        write(path, values)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(IsthmusError, match=str(path)) as caught:
        list(open_source(path).blocks(100))
    assert "\n" not in str(caught.value)


def test_a_flipped_parquet_page_names_the_part(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"a": np.random.default_rng(0).random(5_000)}), path, compression="gzip")
    content = bytearray(path.read_bytes())
    content[500:600] = bytes(100)
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"{path} is damaged"):
        list(open_source(path).blocks(100))


def test_parts_must_agree(tmp_path):
    write(tmp_path / "1.parquet", pa.table({"a": [1], "b": [2.0]}))
    write(tmp_path / "2.parquet", pa.table({"b": [1], "a": [2]}))
    source = open_source(tmp_path)
    assert source.schema.names == ("a", "b")
    assert values_of(source).tolist() == [[1, 2.0], [2, 1]]
    write(tmp_path / "3.parquet", pa.table({"a": [1], "c": [2]}))
    with pytest.raises(DataError, match=r"3.parquet lacks column 'b'"):
        open_source(tmp_path)
    write(tmp_path / "3.parquet", pa.table({"a": ["x"], "b": [2]}), overwrite=True)
    with pytest.raises(DataError, match=r"'a' is string in .*3.parquet"):
        open_source(tmp_path)
    keyed = tmp_path / "keyed" / "year=1"
    keyed.mkdir(parents=True)
    write(keyed / "1.parquet", pa.table({"a": [1]}))
    with pytest.raises(DataError, match="year=1"):
        open_source(tmp_path / "keyed")


def test_pandas_index_is_no_column(tmp_path):
    pd.DataFrame({"a": [1.0, 2.0]}, index=["u", "v"]).to_parquet(tmp_path / "a.parquet")
    assert open_source(tmp_path / "a.parquet").schema.names == ("a",)


def image_folder(folder, sizes=((6, 4),), mode="RGB", classes=("cat", "dog")):
    rng = np.random.default_rng(0)
    for number, name in enumerate(classes * 3):
        (folder / name).mkdir(parents=True, exist_ok=True)
        width, height = sizes[number % len(sizes)]
        channels = {"L": (), "RGB": (3,), "RGBA": (4,)}[mode]
        pixels = rng.integers(0, 256, (height, width, *channels), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return folder


@pytest.mark.parametrize(("mode", "shape"), [("L", (4, 6)), ("RGB", (4, 6, 3)), ("RGBA", (4, 6, 4))])
def test_image_folder(tmp_path, mode, shape):
    source = open_source(image_folder(tmp_path, mode=mode))
    assert source.schema.shape == shape
    assert source.labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert source.label_names == ("cat", "dog")
    transform = fit_transform(source)
    rows = next(source.blocks(10))
    np.testing.assert_array_equal(rows.values[0], np.asarray(Image.open(tmp_path / "cat" / "0.png")))
    x, _ = transform.forward(rows)
    np.testing.assert_array_equal(transform.inverse(x), rows.values)
    np.testing.assert_array_equal(np.sort([i for r in source.shuffled(4, seed=0) for i in r.index]), range(6))


def test_image_folder_faults(tmp_path):
    with pytest.raises(DataError, match=r"cat/0.png is one image"):
        open_source(image_folder(tmp_path / "a") / "cat" / "0.png")
    Image.new("RGB", (9, 9)).save(tmp_path / "a" / "cat" / "odd.png")
    with pytest.raises(DataError, match=r"odd.png is 9 x 9 pixels, the others are 6 x 4"):
        open_source(tmp_path / "a")
    image_folder(tmp_path / "b")
    (tmp_path / "b" / "cat" / "bad.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"bad.png cannot be decoded"):
        open_source(tmp_path / "b")
    image_folder(tmp_path / "c")
    cut = tmp_path / "c" / "cat" / "0.png"
    cut.write_bytes(cut.read_bytes()[:60])
    with pytest.raises(DataError, match=r"0.png cannot be decoded"):
        list(open_source(tmp_path / "c").blocks(9))
    (tmp_path / "d").mkdir()
    with pytest.raises(InputError, match="neither images"):
        open_source(tmp_path / "d")
    Image.fromarray(np.zeros((3, 3), np.uint16)).save(tmp_path / "d" / "deep.png")
    with pytest.raises(DataError, match="8 bits a channel"):
        open_source(tmp_path / "d")


def test_paths_that_cannot_be_read(tmp_path):
    write(tmp_path / "train.csv", np.ones((2, 2)))
    with pytest.raises(InputError, match=r"did you mean .*train.csv"):
        open_source(tmp_path / "trian.csv")
    with pytest.raises(InputError, match="nor does its folder"):
        open_source(tmp_path / "no" / "train.csv")
    with pytest.raises(InputError, match="did you mean 'digits'"):
        open_source("digit")
    (tmp_path / "data.xyz").write_text("1")
    with pytest.raises(DataError, match=r"\.npy, \.npz .*\.parquet"):
        open_source(tmp_path / "data.xyz")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(InputError, match="neither images"):
        open_source(tmp_path / "folder.csv")
    (tmp_path / "objects.npy").write_bytes(b"")
    with pytest.raises(InputError, match="empty"):
        open_source(tmp_path / "objects.npy")
    np.save(tmp_path / "objects.npy", np.array([[{}]], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match=r"objects.npy"):
        open_source(tmp_path / "objects.npy")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission(tmp_path):
    path = csv(tmp_path, "a\n1\n")
    path.chmod(0)
    with pytest.raises(InputError, match="may not be read"):
        open_source(path)


@pytest.mark.parametrize("name", ["digits", "iris", "wine", "breast_cancer", "diabetes", "linnerud"])
def test_builtin_sets(name):
    source = open_source(name)
    transform = fit_transform(source)
    rows = next(source.blocks(10_000))
    x, mask = transform.forward(rows)
    assert mask is None
    assert len(x) == source.n_rows
    assert Schema.from_json(json.loads(json.dumps(source.schema.to_json()))) == source.schema
    assert (source.labels is None) == (name == "linnerud")
    if name == "digits":
        assert transform.event.shape == (1, 8, 8)
        assert (float(x.min()), float(x.max()), transform.low, transform.high) == (0, 1, 0, 1)
        np.testing.assert_array_equal(transform.inverse(x), rows.values)
    else:
        np.testing.assert_allclose(transform.inverse(x).to_pandas(), rows.values, rtol=1e-4, atol=1e-3)
        np.testing.assert_allclose(x.numpy().std(axis=0), 1, rtol=1e-4)


def test_targets_that_do_not_exist(tmp_path):
    with pytest.raises(SchemaError, match="no column 'b'"):
        open_source(csv(tmp_path, "a\n1\n"), target="b")
    with pytest.raises(DataError, match="nothing to learn"):
        open_source(csv(tmp_path, "a\n1\n"), target="a")
    with pytest.raises(DataError, match="its own labels"):
        open_source("digits", target="class")
    with pytest.raises(DataError, match="no column names"):
        open_source(np.ones((2, 2)), target="class")


@needs_data
def test_mnist():
    source = open_source(DATA / "mnist" / "t10k-images-idx3-ubyte.gz")
    transform = fit_transform(source)
    assert (source.n_rows, source.schema.shape, transform.event.shape) == (10_000, (28, 28), (1, 28, 28))
    rows = source.take(np.arange(0, 10_000, 100))
    x, _ = transform.forward(rows)
    np.testing.assert_array_equal(transform.inverse(x), rows.values)
    assert float(x.max()) == 1.0


@needs_data
def test_real_tables():
    with pytest.raises(DataError, match=r"'url'.*identifiers"):
        open_source(DATA / "news-popularity" / "OnlineNewsPopularityReduced.csv.gz")
    ecg = open_source(DATA / "ecg5000" / "ECG5000_TRAIN.txt.gz", target="0")
    assert ecg.schema.shape == (140,)
    assert set(ecg.labels) == {1, 2, 3, 4, 5}
    cover = open_source(DATA / "adbench" / "14_glass.npz", target="y")
    assert (cover.n_rows, cover.labels.sum()) == (214, 9)
