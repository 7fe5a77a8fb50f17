"""What README and documentation show is true: their code runs, their commands succeed, their links lead somewhere."""

import doctest
import re
import sys
import types
from pathlib import Path

import pytest

from isthmus.cli.main import main

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    *sorted(ROOT.glob("docs/**/*.md")),
]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

# What an excerpt of a part's file has above it.
PART = """
from __future__ import annotations
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated
from isthmus.penalties.penalty import Penalty
from isthmus.spec import In
"""


def blocks(page, language):
    return [body for found, body in FENCE.findall(page.read_text(encoding="utf-8")) if found == language]


def with_blocks(language):
    return [page for page in PAGES if blocks(page, language)]


def name(page):
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", with_blocks("python"), ids=name)
def test_the_python_code_runs(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    module = types.ModuleType("isthmus.penalties.example")
    monkeypatch.setitem(sys.modules, module.__name__, module)  # dataclasses look their module up
    bodies = [PART] * (page.name == "CONTRIBUTING.md") + blocks(page, "python")
    source = "\n".join(body for body in bodies if ">>>" not in body)
    exec(compile(source, name(page), "exec", dont_inherit=True), vars(module))  # noqa: S102 - the pages are ours
    session = "\n".join(body for body in bodies if ">>>" in body)
    runner = doctest.DocTestRunner()
    runner.run(doctest.DocTestParser().get_doctest(session, vars(module), name(page), name(page), 0))
    assert runner.failures == 0, capsys.readouterr().out


@pytest.mark.parametrize("page", with_blocks("sh"), ids=name)
def test_the_commands_succeed(page, tmp_path, monkeypatch, capsys):
    """Commands of ours run as they stand, one after the other in one folder; make and pip are not run here."""
    monkeypatch.chdir(tmp_path)
    for line in "\n".join(blocks(page, "sh")).replace("\\\n", " ").splitlines():
        command = line.partition("#")[0].split()
        if command[:1] != ["isthmus"]:
            assert not command or command[0] in ("make", "pip"), line
            continue
        assert main(command[1:]) == 0, (line, capsys.readouterr().err)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_to_files_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_every_make_target_that_is_named_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        assert set(re.findall(r"\bmake ([a-z-]+)`", page.read_text(encoding="utf-8"))) <= targets


def test_every_page_is_in_the_index():
    index = (ROOT / "docs" / "index.md").read_text()
    for page in (ROOT / "docs").glob("*.md"):
        assert page.stem == "index" or f"\n{page.stem}\n" in index
