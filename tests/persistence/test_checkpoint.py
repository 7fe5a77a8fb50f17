"""A checkpoint is whole after any kill, and refused after any change."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from isthmus.errors import CheckpointError, InputError, OutputError
from isthmus.persistence import atomic, checkpoint
from isthmus.persistence.checkpoint import load_checkpoint, save_checkpoint
from isthmus.persistence.folder import save_folder
from persistence.content import DOCUMENT, same, tensors


@pytest.fixture
def file(tmp_path):
    save_checkpoint(tmp_path / "checkpoint.safetensors", DOCUMENT, tensors())
    return tmp_path / "checkpoint.safetensors"


def refused(path, *said, error=CheckpointError):
    with pytest.raises(error) as caught:
        load_checkpoint(path)
    message = str(caught.value)
    assert message.endswith(".")
    assert "\n" not in message
    for words in said:
        assert words in message


def test_a_checkpoint_comes_back_bit_for_bit(file):
    document, found = load_checkpoint(file)
    assert repr(document) == repr(DOCUMENT)
    assert same(found, tensors())


def test_saving_twice_gives_the_same_bytes(file):
    first = file.read_bytes()
    save_checkpoint(file, DOCUMENT, tensors())
    assert file.read_bytes() == first
    assert os.listdir(file.parent) == [file.name]


def test_loaded_tensors_do_not_hang_on_the_file(file):
    _, found = load_checkpoint(file)
    file.write_bytes(b"")
    assert same(found, tensors())


def test_any_flipped_byte_is_refused(file):
    whole = file.read_bytes()
    step = max(1, len(whole) // 400)
    for position in [*range(0, len(whole), step), len(whole) - 1]:
        file.write_bytes(whole[:position] + bytes([whole[position] ^ 0x20]) + whole[position + 1 :])
        refused(file)


@pytest.mark.parametrize("keep", [0, 1, 7, 8, 9, 100, 2000, -1])
def test_a_truncated_file_is_refused(file, keep):
    file.write_bytes(file.read_bytes()[:keep])
    refused(file, "train from the beginning")


def test_what_is_no_checkpoint_is_refused(tmp_path, file):
    refused(tmp_path / "nowhere", "no checkpoint at", error=InputError)
    refused(tmp_path, "is a folder")
    torch.save({"w": torch.ones(2)}, tmp_path / "torch.pt")
    refused(tmp_path / "torch.pt", "not a whole checkpoint")
    save_folder(tmp_path / "model", document={}, tensors={"w": torch.ones(2)})
    refused(tmp_path / "model" / "weights.safetensors", "not a whole checkpoint")
    (tmp_path / "deep").write_bytes((100_000).to_bytes(8, "little") + b"[" * 100_000)
    refused(tmp_path / "deep")


def test_a_newer_format_asks_for_a_newer_isthmus(file, monkeypatch):
    monkeypatch.setattr(checkpoint, "CHECKPOINT_FORMAT", 2)
    save_checkpoint(file, {}, {})
    monkeypatch.undo()
    refused(file, "format 2", "install a newer isthmus")


def test_a_failing_disk_keeps_the_old_checkpoint(file, monkeypatch):
    def failing(path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic, "_sync", failing)
    with pytest.raises(OutputError, match="the disk is full"):
        save_checkpoint(file, {}, {})
    assert repr(load_checkpoint(file)[0]) == repr(DOCUMENT)
    assert os.listdir(file.parent) == [file.name]


def test_a_document_that_could_not_be_read_again_is_not_written(file, monkeypatch):
    monkeypatch.setattr(checkpoint, "_LARGEST_TEXT", 1000)
    with pytest.raises(ValueError, match="use tensors"):
        save_checkpoint(file, {"text": "x" * 1000}, {})
    assert repr(load_checkpoint(file)[0]) == repr(DOCUMENT)


@pytest.mark.skipif(sys.platform == "win32", reason="kills by signal")
def test_kills_at_random_moments_leave_a_whole_checkpoint(tmp_path):
    """One process saves as fast as it can and is killed; what is there is whole, and no step is lost."""
    file = tmp_path / "c"
    script = f"""
import itertools, torch
from isthmus.persistence.checkpoint import save_checkpoint
for step in itertools.count():
    save_checkpoint({str(file)!r}, {{"step": step}}, {{"w": torch.full((20_000,), step)}})
    print(step, flush=True)
"""
    environment = os.environ | {
        "PYTHONPATH": str(Path(checkpoint.__file__).parents[2]),
        "OMP_NUM_THREADS": "1",
    }
    for kill in range(2):
        with subprocess.Popen(
            [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=environment
        ) as process:
            process.stdout.readline()
            time.sleep(0.05 + 0.037 * kill)
            process.kill()
            said = [int(line) for line in process.stdout.read().split() if line.strip()]
        document, found = load_checkpoint(file)
        assert document["step"] >= max(said, default=0)
        assert found["w"].eq(document["step"]).all()
    save_checkpoint(file, {}, {})
    assert os.listdir(tmp_path) == ["c"]
