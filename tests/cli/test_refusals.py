"""Bad input: exit status 2, one line with a way out, no traceback, and nothing written or changed."""

import os
from pathlib import Path

import numpy as np
import pytest

from cli.small import SMALL, listing


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working directory with one of every bad thing."""
    monkeypatch.chdir(tmp_path)
    good = np.random.default_rng(0).random((30, 6)).astype(np.float32)
    np.save("good.npy", good)
    np.save("narrow.npy", good[:, :4])
    np.save("cube.npy", np.zeros((2, 2, 2, 2, 2), dtype=np.float32))
    np.save("infinite.npy", np.where(good == good[7, 3], np.inf, good))
    np.save("text.npy", np.array([["a", "b"], ["c", "d"]]))
    np.save("none.npy", np.empty((0, 6), dtype=np.float32))
    np.save("objects.npy", np.array([{}, {}], dtype=object))
    np.save("large.npy", good * 100)
    np.save("codes.npy", np.zeros((3, 9), dtype=np.float32))
    np.savez("two.npz", a=good, b=good)
    for name in ("empty.csv", "empty.npy"):
        (tmp_path / name).touch()
    (tmp_path / "header.csv").write_text("a,b\n")
    (tmp_path / "ragged.csv").write_text("a,b\n1,2\n1,2,3\n")
    (tmp_path / "good.csv").write_text("a,b\n1,2\n3,4\n5,6\n")
    (tmp_path / "damaged.npy").write_bytes((tmp_path / "good.npy").read_bytes()[:90])
    (tmp_path / "damaged.parquet").write_bytes(b"PAR1 and nothing else")
    (tmp_path / "strange.xyz").write_text("what?")
    (tmp_path / "bad.toml").write_text("epoch = 3\n[training]\nbatchsize = 4\n")
    (tmp_path / "folder").mkdir()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    (tmp_path / "file").write_text("a file")
    return tmp_path


FIT = [
    ("a missing file", ["god.npy"], ["god.npy", "good.npy"]),
    ("an unknown built-in name", ["digit"], ["digits"]),
    ("a folder without data", ["folder"], ["folder"]),
    ("an empty file", ["empty.npy"], ["empty"]),
    ("an empty table", ["empty.csv"], ["empty"]),
    ("a header and no rows", ["header.csv"], ["header.csv"]),
    ("no rows", ["none.npy"], ["none.npy"]),
    ("rows of different length", ["ragged.csv"], ["ragged.csv"]),
    ("text for numbers", ["text.npy"], ["text"]),
    ("pickled objects", ["objects.npy"], ["objects.npy"]),
    ("infinite values", ["infinite.npy"], ["infinite", "row 7"]),
    ("five dimensions", ["cube.npy"], ["dimensions"]),
    ("a truncated file", ["damaged.npy"], ["damaged.npy"]),
    ("a damaged parquet file", ["damaged.parquet"], ["damaged.parquet"]),
    ("an unknown kind of file", ["strange.xyz"], ["strange.xyz", ".csv"]),
    ("an archive of two arrays", ["two.npz"], ["two.npz:a"]),
    ("no such array", ["two.npz:c"], ["'c'"]),
    ("data out of the loss's range", ["large.npy", "--loss", "bce"], ["bce", "[0, 1]"]),
    ("images wanted, vectors given", ["good.npy", "--recipe", "conv"], ["images"]),
    ("an unknown recipe", ["good.npy", "--recipe", "dens"], ["'dense'"]),
    ("an unknown field", ["good.npy", "--set", "training.batchsize=3"], ["'batch_size'"]),
    ("an unknown part", ["good.npy", "--set", "corruption=GausianNoise(1)"], ["'GaussianNoise'"]),
    ("a value out of range", ["good.npy", "--set", "architecture.dropout=1.5"], ["dropout", "[0, 1)", "1.5"]),
    ("a code of nothing", ["good.npy", "--code-size", "0"], ["size"]),
    ("a text for a number", ["good.npy", "--epochs", "ten"], ["--epochs", "ten"]),
    ("negative epochs", ["good.npy", "--epochs", "-3"], ["max_epochs"]),
    ("an unknown loss", ["good.npy", "--loss", "mes"], ["'mse'"]),
    ("an unknown option", ["good.npy", "--epoch", "3"], ["--epochs"]),
    ("code instead of a value", ["good.npy", "--set", "code=__import__('os')"], ["__import__"]),
    ("a bad configuration", ["good.npy", "--config", "bad.toml"], ["'epochs'", "'batch_size'"]),
    ("no configuration", ["good.npy", "--config", "no.toml"], ["no.toml"]),
    ("an absent device", ["good.npy", "--device", "quantum"], ["quantum", "cpu"]),
    ("no such target", ["good.csv", "--target", "c"], ["'c'"]),
    ("validation of another width", ["good.npy", "--validation", "narrow.npy"], ["4", "6"]),
    ("patience without validation", ["good.npy", "--set", "training.patience=2"], ["validation"]),
    ("an output that exists", ["good.npy", "--out", "mine"], ["mine", "no isthmus model"]),
    ("never overwritten", ["good.npy", "--out", "mine", "--overwrite"], ["mine", "no isthmus model"]),
    ("an output that is a file", ["good.npy", "--out", "file"], ["file"]),
    ("an output inside a file", ["good.npy", "--out", "file/model"], ["file"]),
    ("nothing given", [], ["DATA"]),
]


def refused(answer, words):
    assert answer.status == 2, answer
    assert answer.out == ""
    lines = answer.err.splitlines()
    assert len(lines) == 1, answer.err
    assert lines[0].startswith("isthmus: ")
    assert "Traceback" not in answer.err
    for word in words:
        assert word in lines[0]


@pytest.mark.parametrize(("arguments", "words"), [case[1:] for case in FIT], ids=[case[0] for case in FIT])
def test_fit_refuses(isthmus, place, arguments, words):
    before = listing(place)
    out = [] if "--out" in arguments else ["--out", "model"]
    small = [] if {"--recipe", "--code-size", "--epochs"} & set(arguments) else SMALL
    refused(isthmus("fit", *small, *arguments, *out, "--quiet"), words)
    assert listing(place) == before


@pytest.mark.parametrize("command", ["fit", "evaluate", "encode", "decode", "reconstruct"])
def test_a_required_argument_is_missing(isthmus, place, command):
    refused(isthmus(command), [f"isthmus {command} --help"])


USE = [
    ("no model", ["evaluate", "nothing", "good.npy"], ["nothing"]),
    ("a folder that is no model", ["evaluate", "mine", "good.npy"], ["mine"]),
    ("a file for a model", ["encode", "file", "good.npy", "--out", "z.npy"], ["file"]),
    ("data of another shape", ["evaluate", "MODEL", "good.npy"], ["8"]),
    ("codes of another width", ["decode", "MODEL", "codes.npy", "--out", "x.npy"], ["9", "4"]),
    ("an unknown suffix", ["encode", "MODEL", "digits", "--out", "codes.nyp"], [".npy"]),
    ("no suffix", ["encode", "MODEL", "digits", "--out", "codes"], [".npy"]),
    ("an output that exists", ["encode", "MODEL", "digits", "--out", "good.npy"], ["good.npy"]),
    ("no folder to write to", ["encode", "MODEL", "digits", "--out", "no/codes.npy"], ["no"]),
    ("a folder for a file", ["encode", "MODEL", "digits", "--out", "folder"], ["folder"]),
    ("a report that is no page", ["evaluate", "MODEL", "digits", "--report", "r.pdf"], ["r.html"]),
    ("no labels", ["evaluate", "MODEL", "digits", "--report", "r.html", "--labels", "no.npy"], ["no.npy"]),
    ("nothing to inform about", ["info", "nothing"], ["nothing"]),
    ("an unknown recipe", ["recipes", "cnv"], ["'conv'"]),
    ("an unknown command", ["fti"], ["fit"]),
]


@pytest.mark.parametrize(("arguments", "words"), [case[1:] for case in USE], ids=[case[0] for case in USE])
def test_other_commands_refuse(isthmus, place, model, arguments, words):
    before = listing(place)
    refused(isthmus(*[os.fspath(model) if text == "MODEL" else text for text in arguments]), words)
    assert listing(place) == before


def test_one_row_is_enough_or_refused_in_a_sentence(isthmus, place):
    np.save("one.npy", np.ones((1, 6), dtype=np.float32))
    assert isthmus("fit", "one.npy", "--out", "model", "--quiet", *SMALL).status == 0
    batch = ("--set", "architecture.normalization=batch")
    refused(
        isthmus("fit", "one.npy", "--out", "model2", "--quiet", *SMALL, *batch), ["needs two rows a batch"]
    )


def test_a_damaged_model_is_refused(isthmus, place, model):
    import shutil

    shutil.copytree(model, "model")
    weights = place / "model" / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-5] ^= 1
    weights.write_bytes(content)
    refused(isthmus("evaluate", "model", "digits"), ["weights.safetensors"])
    refused(isthmus("info", "model"), ["weights.safetensors"])


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a place where nobody may write")
def test_a_place_that_cannot_be_written(isthmus, place):
    """/proc takes no files, whoever asks."""
    refused(isthmus("fit", "good.npy", "--out", "/proc/isthmus/model", *SMALL), ["/proc"])
