"""Help is quick because nothing heavy is imported, and says what every option is for."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from isthmus import __version__
from isthmus.cli.main import COMMANDS

SRC = Path(__file__).parents[2] / "src"
HEAVY = (
    "torch",
    "sklearn",
    "scipy",
    "numpy",
    "pandas",
    "polars",
    "pyarrow",
    "matplotlib",
    "lightning_fabric",
)


@pytest.mark.parametrize("arguments", [["--help"], ["fit", "--help"], ["--version"], ["fitt"]])
def test_nothing_heavy_is_imported(arguments):
    script = (
        f"import sys; from isthmus.cli.main import main; main({arguments!r});"
        f"print(*[name for name in {HEAVY!r} if name in sys.modules], 'end', file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(SRC)},
    )
    assert done.stderr.splitlines()[-1] == "end"


def test_the_first_page_names_every_command(isthmus):
    answer = isthmus("--help")
    assert answer.status == 0
    for command in COMMANDS:
        assert re.search(rf"\b{command.__name__}\b", answer.out)


@pytest.mark.parametrize("command", [command.__name__ for command in COMMANDS])
def test_every_option_is_described(isthmus, command):
    answer = isthmus(command, "--help")
    assert answer.status == 0
    rows = re.findall(r"│ \*? *(-*[\w-]+(?: [A-Z]+)?) +(.*?) *│", answer.out)
    assert rows
    for name, text in rows:
        if name.startswith("-") or name.isupper():
            assert len(text.replace("[required]", "").split()) >= 2 or name.startswith("--help"), name


def test_the_version(isthmus):
    assert isthmus("--version").out.strip() == __version__


def test_it_runs_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "isthmus", "--version"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(SRC)},
    )
    assert done.stdout.strip() == __version__
