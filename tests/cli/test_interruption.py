"""Ctrl-C and kill keep the checkpoint; --resume goes on to the same bits."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from isthmus.persistence.checkpoint import load_checkpoint

SRC = Path(__file__).parents[2] / "src"
FIT = ("--epochs", "40", "--hidden", "32,16", "--code-size", "4", "--checkpoint-every", "0.05")
ENVIRONMENT = os.environ | {"PYTHONPATH": str(SRC), "OMP_NUM_THREADS": "1"}


def started(folder, *arguments):
    command = [sys.executable, "-m", "isthmus", "fit", "digits", "--out", folder / "model", *FIT, *arguments]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
    )


def stop_in_training(process, checkpoint, number):
    """Send a signal when a second checkpoint has been written, so that some steps are done."""
    end = time.monotonic() + 120
    seen = set()
    while len(seen) < 3 and process.poll() is None and time.monotonic() < end:
        if checkpoint.exists():
            seen.add(checkpoint.stat().st_mtime_ns)
        time.sleep(0.01)
    assert len(seen) == 3, process.communicate()
    process.send_signal(number)
    return process.communicate(timeout=60)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    process = started(folder, "--quiet")
    _, err = process.communicate(timeout=300)
    assert (process.returncode, err) == (0, "")
    return (folder / "model" / "weights.safetensors").read_bytes()


@pytest.mark.skipif(sys.platform == "win32", reason="signals are those of POSIX")
def test_killed_it_resumes_to_the_same_bits(tmp_path, uninterrupted):
    stopped(tmp_path, signal.SIGKILL)
    process = started(tmp_path, "--resume")
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert "going on in epoch" in err
    assert (tmp_path / "model" / "weights.safetensors").read_bytes() == uninterrupted
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals are those of POSIX")
def test_ctrl_c_keeps_the_checkpoint_and_says_how_to_go_on(tmp_path):
    status, err = stopped(tmp_path, signal.SIGINT)
    assert status == 130
    assert "--resume" in err.splitlines()[-1]
    load_checkpoint(tmp_path / "model.checkpoint")  # a whole one


def stopped(folder, number):
    """Exit status and messages of a fit that got a signal: nothing but its checkpoint is left."""
    checkpoint = folder / "model.checkpoint"
    process = started(folder)
    out, err = stop_in_training(process, checkpoint, number)
    assert out == ""
    assert "Traceback" not in err
    assert [path.name for path in folder.iterdir()] == ["model.checkpoint"]
    return process.returncode, err


def test_resume_without_a_checkpoint_says_so_and_begins(isthmus, tmp_path):
    fit = ("fit", "digits", "--out", tmp_path / "m", "--epochs", "1", "--hidden", "8", "--quiet")
    answer = isthmus(*fit, "--resume")
    assert answer.status == 0
    assert "no checkpoint m.checkpoint" in answer.err
    answer = isthmus(*fit, "--resume")
    assert answer.status == 2
    assert "exists already" in answer.err


def test_resume_with_other_options_is_refused_and_keeps_the_checkpoint(isthmus, tmp_path, monkeypatch):
    from isthmus.persistence import folder

    def full(*arguments):
        raise OSError(28, "No space left on device")

    fit = ("fit", "digits", "--out", tmp_path / "m", "--hidden", "8", "--quiet")
    with monkeypatch.context() as patch:
        patch.setattr(folder, "seal", full)
        assert isthmus(*fit, "--epochs", "1").status == 2
    kept = (tmp_path / "m.checkpoint").read_bytes()
    answer = isthmus(*fit, "--epochs", "2", "--resume")
    assert answer.status == 2
    assert "other parts, data, seed or plan" in answer.err
    assert (tmp_path / "m.checkpoint").read_bytes() == kept
    answer = isthmus(*fit, "--epochs", "2")
    assert answer.status == 0
    assert "note: m.checkpoint of an interrupted training is replaced" in answer.err
