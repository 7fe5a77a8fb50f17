"""Writing: whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from isthmus.data import budget_bytes, open_source, write, writer
from isthmus.errors import DataError, OutputError

SUFFIXES = [".npy", ".npz", ".parquet", ".csv"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_blocks_add_up(tmp_path, suffix):
    values = np.random.default_rng(0).random((1_000, 3), dtype=np.float32)
    path = tmp_path / f"z{suffix}"
    with writer(path, names=["a", "b", "c"]) as out:
        for part in np.array_split(values, 7):
            out.append(torch.from_numpy(part))
            assert not path.exists()
    read = np.concatenate([rows.values for rows in open_source(path).blocks(100)])
    np.testing.assert_allclose(read, values, rtol=1e-6)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    if suffix == ".npy":
        np.testing.assert_array_equal(np.load(path), values)
    if suffix == ".npz":
        np.testing.assert_array_equal(np.load(path)["data"], values)
    if suffix in (".parquet", ".csv"):
        assert open_source(path).schema.names == ("a", "b", "c")


def test_images_and_tables(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (5, 3, 2), dtype=np.uint8)
    write(tmp_path / "a.npy", images)
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), images)
    write(tmp_path / "a.parquet", images)
    assert pq.read_table(tmp_path / "a.parquet").num_columns == 6
    table = pa.table({"a": [1.0, 2.0], "t": pa.array(["x", "y"]).dictionary_encode()})
    for suffix in (".csv", ".parquet"):
        write(tmp_path / f"t{suffix}", table)
        assert open_source(tmp_path / f"t{suffix}").schema.columns[1].levels == ("x", "y")
    with pytest.raises(DataError, match="columns of text"):
        write(tmp_path / "t.npy", table)
    assert not (tmp_path / "t.npy").exists()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_existing_file_is_kept(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"precious")
    with pytest.raises(OutputError, match="exists already"):
        write(path, np.ones((2, 2)))
    assert path.read_bytes() == b"precious"
    with pytest.raises(DataError), writer(path, overwrite=True) as out:  # noqa: PT012
        out.append(np.ones((2, 2)))
        raise DataError("the data end badly")
    assert path.read_bytes() == b"precious"
    write(path, np.ones((2, 2)), overwrite=True)
    assert open_source(path).n_rows == 2
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    ("number", "words"), [(errno.ENOSPC, "disk is full"), (errno.EROFS, "may not be written")]
)
def test_a_refusing_disk(tmp_path, suffix, number, words, monkeypatch):
    def refuse(handle):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OutputError, match=words):
        write(tmp_path / f"a{suffix}", np.ones((2, 2)))
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_full_disk_while_writing(tmp_path, suffix, monkeypatch):
    """Arrow's and zipfile's own errors for a full disk come out as the same sentence."""
    import tempfile

    def full(**_):
        aside = tmp_path / "aside"
        aside.touch()
        return os.open("/dev/full", os.O_RDWR), str(aside)

    monkeypatch.setattr(tempfile, "mkstemp", full)
    with pytest.raises(OutputError, match="disk is full"):
        write(tmp_path / f"a{suffix}", np.random.default_rng(0).random((200_000, 4)))
    assert not list(tmp_path.iterdir())


def test_paths_that_cannot_be_written(tmp_path):
    with pytest.raises(OutputError, match=r"\.parqet.*did you mean .*a\.parquet"):
        write(tmp_path / "a.parqet", np.ones((2, 2)))
    with pytest.raises(OutputError, match="make it first"):
        write(tmp_path / "no" / "a.npy", np.ones((2, 2)))
    (tmp_path / "d.npy").mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        write(tmp_path / "d.npy", np.ones((2, 2)))
    with pytest.raises(DataError, match="2 names for 3 columns"):
        write(tmp_path / "a.csv", np.ones((2, 3)), names=["a", "b"])
    assert not (tmp_path / "a.csv").exists()


def test_the_budget_follows_the_limits():
    import subprocess
    import sys

    here = budget_bytes()
    assert 0 < here < 1 << 45
    script = (
        "import resource; resource.setrlimit(resource.RLIMIT_DATA, (1 << 30, 1 << 30));"
        "from isthmus.data.memory import budget_bytes; print(budget_bytes())"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert int(done.stdout) <= 1 << 28
