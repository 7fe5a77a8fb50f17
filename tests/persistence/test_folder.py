"""A model folder is bit for bit what was saved, or refused with one sentence and nothing executed."""

import errno
import json
import os
import pickle
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from isthmus import spec
from isthmus.errors import InputError, IsthmusError, ModelError, OutputError
from isthmus.persistence import atomic, folder, seal, versions
from isthmus.persistence.folder import load_folder, save_folder
from persistence.content import DOCUMENT, same, tensors

FILES = ("manifest.json", "model.json", "weights.safetensors")


@pytest.fixture
def model(tmp_path):
    save_folder(tmp_path / "model", document=DOCUMENT, tensors=tensors())
    return tmp_path / "model"


def refused(path, *said, error=ModelError):
    with pytest.raises(error) as caught:
        load_folder(path)
    message = str(caught.value)
    assert message.endswith(".")
    assert "\n" not in message
    for words in said:
        assert words in message
    return message


def rewrite(model, **changes):
    """Change entries of the manifest and seal it again, as a careful forger would."""
    file = model / "manifest.json"
    manifest = json.loads(file.read_text()) | changes | {"seal": seal.BLANK}
    file.write_text(json.dumps(manifest))
    seal.seal(file)


def listed(model):
    return {
        name: {"bytes": (model / name).stat().st_size, "sha256": seal.sha256(model / name)}
        for name in FILES[1:]
    }


def test_a_model_comes_back_bit_for_bit(model):
    document, found = load_folder(model)
    assert repr(document) == repr(DOCUMENT)
    assert same(found, tensors())
    assert sorted(os.listdir(model)) == list(FILES)
    assert folder.is_model(model)
    assert repr(folder.read_document(model)) == repr(DOCUMENT)


def test_loaded_tensors_do_not_hang_on_the_file(model):
    _, found = load_folder(model)
    (model / "weights.safetensors").write_bytes(b"")
    assert same(found, tensors())


def test_saving_twice_gives_the_same_files(model, tmp_path):
    save_folder(tmp_path / "again", document=DOCUMENT, tensors=tensors())
    for name in FILES:
        assert (tmp_path / "again" / name).read_bytes() == (model / name).read_bytes()


def test_manifest_and_document_are_read_without_torch(model):
    script = (
        "import sys; from isthmus.persistence.folder import is_model, read_document, read_manifest;"
        f"p = {str(model)!r}; assert is_model(p); read_manifest(p); read_document(p); assert 'torch' not in sys.modules"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(folder.__file__).parents[2])}
    subprocess.run([sys.executable, "-c", script], check=True, env=environment)


def test_existing_output_is_refused(model):
    with pytest.raises(OutputError, match="exists already"):
        save_folder(model, document={}, tensors={})
    assert repr(load_folder(model)[0]) == repr(DOCUMENT)
    save_folder(model, document={"new": 1}, tensors={}, overwrite=True)
    assert load_folder(model) == ({"new": 1}, {})
    assert os.listdir(model.parent) == ["model"]


def test_a_folder_of_other_things_is_never_overwritten(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(OutputError, match="no isthmus model"):
        save_folder(tmp_path, document={}, tensors={}, overwrite=True)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


@pytest.mark.parametrize("name", FILES)
def test_any_flipped_byte_is_refused(model, name):
    file = model / name
    whole = file.read_bytes()
    step = max(1, len(whole) // 150)
    for position in [*range(0, len(whole), step), len(whole) - 1]:
        file.write_bytes(whole[:position] + bytes([whole[position] ^ 0x20]) + whole[position + 1 :])
        refused(model)
    file.write_bytes(whole)
    load_folder(model)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(model, name):
    (model / name).unlink()
    refused(model, name)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("keep", [0, 1, 100, -1])
def test_a_truncated_file_is_named(model, name, keep):
    file = model / name
    file.write_bytes(file.read_bytes()[:keep])
    refused(model, name)


def test_nothing_there_a_file_and_a_foreign_folder(tmp_path):
    refused(tmp_path / "nowhere", "no model at", error=InputError)
    (tmp_path / "notes.txt").write_text("notes")
    refused(tmp_path / "notes.txt", "is a file", "folder")
    refused(tmp_path, "has no manifest.json", "notes.txt")
    (tmp_path / "manifest.json").write_text('{"name": "a web page", "icons": []}')
    refused(tmp_path, "not the manifest of an isthmus model")
    for text in (
        "",
        "[",
        "3",
        "[" * 100_000,
        '{"kind": "isthmus-model"}',
        '{"kind": "isthmus-model", "format": true}',
    ):
        (tmp_path / "manifest.json").write_text(text)
        refused(tmp_path)
    (tmp_path / "manifest.json").write_bytes(b" " * (1 << 21))
    refused(tmp_path, "too large")


def test_a_newer_format_asks_for_a_newer_isthmus(model):
    rewrite(model, format=2, isthmus="9.1")
    refused(model, "format 2", "9.1", "install a newer isthmus")


def test_an_older_format_is_brought_forward(model, monkeypatch):
    def renamed(document, tensors):
        return {"renamed": document["nothing"]}, {"w": tensors["scalar"]}

    def doubled(document, tensors):
        return document, {"w": 2 * tensors["w"]}

    monkeypatch.setattr(folder, "MODEL_FORMAT", 3)
    monkeypatch.setattr(versions, "MODEL_FORMAT", 3)
    monkeypatch.setattr(versions, "MODEL_MIGRATIONS", {1: renamed, 2: doubled})
    assert load_folder(model) == ({"renamed": None}, {"w": torch.tensor(7.0)})


def test_there_is_a_way_forward_from_every_format():
    assert sorted(versions.MODEL_MIGRATIONS) == list(range(1, versions.MODEL_FORMAT))


class Bomb:
    """Unpickling it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.fixture
def bomb(tmp_path):
    """A pickle that leaves a trace when it is opened; the trace is looked for at the end."""
    trace = tmp_path / "trace"
    yield pickle.dumps(Bomb(trace))
    assert not trace.exists(), "the pickle was opened"


def test_the_bomb_would_go_off(tmp_path):
    pickle.loads(pickle.dumps(Bomb(tmp_path / "trace")))
    assert (tmp_path / "trace").exists()


@pytest.mark.parametrize("name", ["model.json", "weights.safetensors"])
def test_a_pickle_under_a_models_name_is_refused_even_with_matching_hashes(model, bomb, name):
    (model / name).write_bytes(bomb)
    refused(model, name)
    rewrite(model, files=listed(model))
    refused(model, name)


def test_a_torch_file_renamed_is_refused_even_with_matching_hashes(model, tmp_path):
    torch.save({"w": torch.ones(2)}, tmp_path / "torch.pt")
    shutil.copy(tmp_path / "torch.pt", model / "weights.safetensors")
    rewrite(model, files=listed(model))
    refused(model, "weights.safetensors", "not a whole safetensors file")


@pytest.mark.parametrize("name", ["model.pkl", "picture.png", "notes"])
def test_a_pickle_given_as_a_model_or_lying_in_one_is_refused(model, tmp_path, bomb, name):
    (tmp_path / name).write_bytes(bomb)
    refused(tmp_path / name, "pickle")
    (model / name).write_bytes(bomb)
    refused(model, name, "no part of the model")


@pytest.mark.parametrize("name", ["plugin.py", "__init__.py", "sitecustomize.py", "hook.so"])
def test_code_beside_the_model_is_refused(model, name):
    (model / name).write_text("raise SystemExit")
    refused(model, name)


def test_a_harmless_extra_file_is_named_by_a_warning(model):
    (model / "report.html").write_text("<html>")
    with pytest.warns(folder.ExtraFileWarning, match="report.html"):
        load_folder(model)


@pytest.mark.parametrize(
    "name", ["../secret", "/etc/passwd", "sub/weights.safetensors", "evil.py", "", ".", "model.json\x00"]
)
def test_a_manifest_that_lists_other_files_is_refused(model, name):
    entries = listed(model)
    rewrite(model, files=entries | {name: {"bytes": 1, "sha256": "0" * 64}})
    refused(model, "lists")
    rewrite(model, files={name: entries["model.json"], "weights.safetensors": entries["weights.safetensors"]})
    refused(model, "lists")


@pytest.mark.parametrize("files", [None, [], ["model.json", "weights.safetensors"], {}])
def test_a_manifest_without_a_sensible_listing_is_refused(model, files):
    rewrite(model, files=files)
    refused(model, "lists")
    rewrite(model, files=dict.fromkeys(FILES[1:], files))
    refused(model, "no size and hash")


@pytest.mark.parametrize("name", FILES)
def test_links_are_refused(model, tmp_path, name):
    shutil.move(model / name, tmp_path / "outside")
    (model / name).symlink_to(tmp_path / "outside")
    refused(model, "a symbolic link")


def test_a_document_that_names_foreign_code_runs_nothing(tmp_path, monkeypatch):
    trace = tmp_path / "trace"
    (tmp_path / "evil.py").write_text(f"open({str(trace)!r}, 'w')\nclass Evil: pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    save_folder(tmp_path / "model", document={"architecture": {"type": "evil:Evil"}}, tensors={})
    document, _ = load_folder(tmp_path / "model")
    with pytest.raises(ModelError, match="not allowed, so nothing of it was run"):
        spec.from_json(document)
    assert not trace.exists()
    rewrite(tmp_path / "model", code="evil:Evil", loader="evil")
    load_folder(tmp_path / "model")
    assert not trace.exists()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_named(model):
    (model / "model.json").chmod(0)
    refused(model, "model.json", "cannot be read", error=InputError)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("call", range(1, 6))
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_disk_that_fails_at_any_step_leaves_the_old_model_or_nothing(
    tmp_path, monkeypatch, number, call, overwrite
):
    target = tmp_path / "model"
    if overwrite:
        save_folder(target, document={"old": 1}, tensors={})
    calls, sync = [], atomic._sync

    def failing(path):
        calls.append(path)
        if len(calls) == call:
            raise OSError(number, os.strerror(number))
        sync(path)

    monkeypatch.setattr(atomic, "_sync", failing)
    with pytest.raises(OutputError, match="cannot be written"):
        save_folder(target, document=DOCUMENT, tensors=tensors(), overwrite=overwrite)
    # The fifth call follows the move: the new model is there, and only the parent's entry was not forced out.
    if call == 5:
        assert repr(load_folder(target)[0]) == repr(DOCUMENT)
    elif overwrite:
        assert load_folder(target)[0] == {"old": 1}
    assert os.listdir(tmp_path) == (["model"] if overwrite or call == 5 else [])


@pytest.mark.skipif(sys.platform == "win32", reason="uses a POSIX limit on file sizes")
@pytest.mark.parametrize("limit", [0, 50, 3000])
def test_a_full_disk_is_one_sentence(tmp_path, limit):
    """A limit on file sizes makes real writes fail, those of the safetensors library included."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, old[1]))
        with pytest.raises(OutputError, match="larger than this system allows"):
            save_folder(tmp_path / "new" / "model", document=DOCUMENT, tensors={"w": torch.ones(1000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    assert os.listdir(tmp_path) == []


def test_every_refusal_is_an_error_of_ours(model):
    assert issubclass(ModelError, IsthmusError)
    assert issubclass(ModelError, ValueError)
    assert issubclass(InputError, OSError)
