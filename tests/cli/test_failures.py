"""What is not the user's fault, and what the system refuses."""

import errno
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from cli.small import SMALL, listing
from isthmus.cli import failures, info
from isthmus.cli.failures import answer

SRC = Path(__file__).parents[2] / "src"


def test_a_fault_of_ours_is_one_line_and_a_file(isthmus, monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(info, "_data", lambda *arguments: 1 / 0)
    found = isthmus("info", "digits")
    assert found.status == 1
    assert len(found.err.splitlines()) == 1
    assert "fault of isthmus" in found.err
    (file,) = tmp_path.iterdir()
    assert str(file) in found.err
    assert "ZeroDivisionError" in file.read_text()
    found = isthmus("info", "digits", "--debug")
    assert found.status == 1
    assert "Traceback" in found.err


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (MemoryError(), 2, "not enough memory"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"), 2, "memory"),
        (PermissionError(errno.EACCES, "Permission denied", "x.npy"), 2, "x.npy: Permission denied"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (RuntimeError("what?"), 1, "fault of isthmus"),
    ],
)
def test_every_error_has_its_status(capsys, tmp_path, monkeypatch, error, status, words):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert answer(error, debug=False) == status
    said = capsys.readouterr().err
    assert words in said
    assert len(said.splitlines()) == 1


def test_warnings_are_notes_said_once(capsys):
    with failures.plain_warnings():
        for _ in range(2):
            warnings.warn("two\nlines", UserWarning, stacklevel=1)
        warnings.warn("for programmers", DeprecationWarning, stacklevel=1)
    assert capsys.readouterr().err == "isthmus: note: two lines\n"


def full(*arguments, **options):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".csv", ".parquet"])
def test_a_full_disk_leaves_no_file(isthmus, model, tmp_path, monkeypatch, suffix):
    monkeypatch.setattr(os, "fsync", full)
    found = isthmus("encode", model, "digits", "--out", tmp_path / f"codes{suffix}")
    assert found.status == 2
    assert "disk is full" in found.err
    assert len(found.err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_at_the_end_of_a_training_loses_nothing(isthmus, tmp_path, monkeypatch):
    from isthmus.persistence import folder

    out = tmp_path / "model"
    with monkeypatch.context() as patch:
        patch.setattr(folder, "seal", full)
        found = isthmus("fit", "digits", "--out", out, "--quiet", *SMALL)
    assert found.status == 2
    assert "disk is full" in found.err
    assert "--resume" in found.err
    assert list(listing(tmp_path)) == [Path("model.checkpoint")]
    assert isthmus("fit", "digits", "--out", out, "--quiet", "--resume", *SMALL).status == 0
    assert isthmus("fit", "digits", "--out", tmp_path / "other", "--quiet", *SMALL).status == 0
    weights = [(path / "weights.safetensors").read_bytes() for path in (out, tmp_path / "other")]
    assert weights[0] == weights[1]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_standard_output_that_is_full_or_closed():
    command = [sys.executable, "-m", "isthmus", "--version"]
    environment = os.environ | {"PYTHONPATH": str(SRC)}
    with open("/dev/full", "w") as sink:
        done = subprocess.run(
            command, stdout=sink, stderr=subprocess.PIPE, text=True, env=environment, check=False
        )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        command, stdout=writer, stderr=subprocess.PIPE, text=True, env=environment, check=False
    )
    os.close(writer)
    assert done.stderr == ""


def test_a_training_that_diverges_keeps_the_last_good_weights(isthmus, tmp_path):
    data = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)
    np.save(tmp_path / "data.npy", data)
    slow = ("--epochs", "400", "--hidden", "", "--code-size", "2", "--set", "training.optimizer=sgd")
    rate = ("--set", "training.learning_rate=0.3", "--set", "training.schedule=constant")
    found = isthmus("fit", tmp_path / "data.npy", "--out", tmp_path / "m", "--quiet", *slow, *rate)
    assert found.status == 2
    assert len(found.err.splitlines()) == 1
    assert "NaN or infinite" in found.err
    assert str(tmp_path / "m") in found.err
    assert not (tmp_path / "m.checkpoint").exists()
    assert isthmus("encode", tmp_path / "m", tmp_path / "data.npy", "--out", tmp_path / "z.npy").status == 0
    assert np.isfinite(np.load(tmp_path / "z.npy")).all()
