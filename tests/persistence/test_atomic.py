"""Whole or not at all: after any failure the target is what it was, and nothing lies beside it."""

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from isthmus.errors import OutputError
from isthmus.persistence import atomic


def tree(folder):
    return {str(path.relative_to(folder)): path.is_dir() or path.read_bytes() for path in folder.rglob("*")}


def failing(number):
    def call(*_args, **_kwargs):
        raise OSError(number, os.strerror(number))

    return call


def test_a_file_is_written_with_its_folders_and_ordinary_rights(tmp_path):
    atomic.write_bytes(tmp_path / "a" / "b" / "file", b"new")
    plain = tmp_path / "plain"
    plain.touch()
    assert tree(tmp_path / "a") == {"b": True, "b/file": b"new"}
    assert (tmp_path / "a" / "b" / "file").stat().st_mode == plain.stat().st_mode


def test_existing_output_is_refused_and_kept(tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(OutputError, match="exists already"):
        atomic.write_bytes(tmp_path / "file", b"new")
    assert tree(tmp_path) == {"file": b"old"}
    atomic.write_bytes(tmp_path / "file", b"new", overwrite=True)
    assert tree(tmp_path) == {"file": b"new"}


def test_a_link_is_followed(tmp_path):
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    atomic.write_bytes(tmp_path / "link", b"new", overwrite=True)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_file_and_folder_are_not_confused(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="is a folder"):
        atomic.write_bytes(tmp_path / "folder", b"", overwrite=True)
    with pytest.raises(OutputError, match="is a file"), atomic.new_folder(tmp_path / "file", overwrite=True):
        pass
    with pytest.raises(OutputError, match="a part of the path is a file"):
        atomic.write_bytes(tmp_path / "file" / "below", b"")


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "permission is denied"),
        (errno.EIO, "Input/output error"),
    ],
)
@pytest.mark.parametrize("step", ["fsync", "replace", "mkdir"])
def test_a_failing_system_leaves_everything_as_it_was(tmp_path, monkeypatch, number, said, step):
    (tmp_path / "file").write_bytes(b"old")
    before = tree(tmp_path)
    monkeypatch.setattr(*((Path, "mkdir") if step == "mkdir" else (os, step)), failing(number))
    with pytest.raises(OutputError, match=said):
        atomic.write_bytes(tmp_path / "file", b"new", overwrite=True)
    monkeypatch.undo()
    assert tree(tmp_path) == before


def test_folders_made_on_the_way_go_when_the_write_fails(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", failing(errno.ENOSPC))
    with pytest.raises(OutputError):
        atomic.write_bytes(tmp_path / "a" / "b" / "file", b"new")
    assert tree(tmp_path) == {}


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_interruption_passes_and_leaves_nothing(tmp_path, error):
    def interrupted():
        with atomic.new_folder(tmp_path / "folder") as filled:
            (filled / "file").write_bytes(b"half")
            raise error

    with pytest.raises(error):
        interrupted()
    assert tree(tmp_path) == {}


@pytest.mark.parametrize("at_once", [True, False])
def test_a_folder_is_exchanged(tmp_path, monkeypatch, at_once):
    (tmp_path / "folder" / "old").mkdir(parents=True)
    if not at_once:
        monkeypatch.setattr(atomic, "_exchange_at_once", lambda first, second: False)
    with atomic.new_folder(tmp_path / "folder", overwrite=True) as filled:
        (filled / "new").write_bytes(b"new")
        assert (tmp_path / "folder" / "old").exists()
    assert tree(tmp_path) == {"folder": True, "folder/new": b"new"}


def test_the_old_folder_comes_back_when_the_second_move_fails(tmp_path, monkeypatch):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "old").write_bytes(b"old")
    before, rename, moves = tree(tmp_path), os.rename, []

    def second_fails(source, target):
        moves.append(source)
        if len(moves) == 2:
            failing(errno.EIO)()
        rename(source, target)

    monkeypatch.setattr(atomic, "_exchange_at_once", lambda first, second: False)
    monkeypatch.setattr(os, "rename", second_fails)
    with pytest.raises(OutputError), atomic.new_folder(tmp_path / "folder", overwrite=True) as filled:
        (filled / "new").write_bytes(b"new")
    assert len(moves) == 3
    assert tree(tmp_path) == before


@pytest.mark.skipif(
    sys.platform != "linux", reason="watches the exchange of one system call, tested on Linux"
)
def test_at_no_moment_is_there_nothing(tmp_path):
    """A second process looks for the folder as fast as it can while it is overwritten again and again."""
    target = tmp_path / "folder"
    with atomic.new_folder(target) as filled:
        (filled / "file").touch()
    watch = f"""
import os, select, sys
path, missing, looks = {str(target / "file")!r}, 0, 0
print("ready", flush=True)
while not select.select([sys.stdin], [], [], 0)[0]:
    looks += 1
    missing += not os.path.exists(path)
print(missing, looks)
"""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", watch], **pipes) as watcher:
        watcher.stdout.readline()
        for _ in range(200):
            with atomic.new_folder(target, overwrite=True) as filled:
                (filled / "file").touch()
        missing, looks = map(int, watcher.communicate("stop\n")[0].split())
    assert looks > 100
    assert missing == 0


@pytest.mark.skipif(sys.platform == "win32", reason="locks on folders are a POSIX matter")
def test_leftovers_of_the_dead_go_and_the_work_of_the_living_stays(tmp_path):
    target = tmp_path / "folder"
    script = f"""
import time
from isthmus.persistence.atomic import new_folder
with new_folder({str(target)!r}) as filled:
    (filled / "half").touch()
    print("writing", flush=True)
    time.sleep(60)
"""
    environment = os.environ | {"PYTHONPATH": str(Path(atomic.__file__).parents[2])}
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=environment
    ) as writer:
        writer.stdout.readline()
        (left,) = tmp_path.iterdir()
        with atomic.new_folder(target):
            assert left.exists(), "the living writer's work was removed"
        writer.kill()
    assert left.exists(), "a killed process cannot clean up"
    deadline = time.monotonic() + 10
    while left.exists() and time.monotonic() < deadline:
        with atomic.new_folder(target, overwrite=True):
            pass
    assert tree(tmp_path) == {"folder": True}
