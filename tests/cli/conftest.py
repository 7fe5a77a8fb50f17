"""The command line in this process, and a small model to use it on."""

import dataclasses
import os

import pytest

from cli.small import SMALL
from isthmus.cli.main import main


@dataclasses.dataclass
class Answer:
    """What a command line came to."""

    status: int
    out: str
    err: str


@pytest.fixture
def isthmus(capsys):
    """``isthmus("fit", "digits", ...)`` -> Answer."""

    def run(*arguments):
        capsys.readouterr()
        status = main([os.fspath(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Answer(status, captured.out, captured.err)

    return run


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """A small model of the digits."""
    path = tmp_path_factory.mktemp("fitted") / "model"
    assert main(["fit", "digits", "--out", str(path), "--quiet", *SMALL]) == 0
    return path
