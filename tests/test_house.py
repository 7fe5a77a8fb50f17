"""The laws of the house hold, and their checkers see what they are there to see."""

import importlib
import itertools
import os
import pkgutil
import re
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import pytest
from checks import docstrings, duplication, imports, names

import isthmus

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "isthmus"


@pytest.mark.parametrize("law", [names, imports, docstrings, duplication], ids=lambda law: law.__name__)
def test_the_law_holds(law):
    assert list(law.breaches(PACKAGE)) == []


def planted(tmp_path, **files):
    package = tmp_path / "isthmus"
    for name, source in {"__init__": '"""Root."""', **files}.items():
        file = package / f"{name.replace('__in__', '/')}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(source))
    return package


def test_names_sees_a_banned_file_and_a_pickle(tmp_path):
    package = planted(tmp_path, utils="", reader="def f():\n    import pickle\n")
    assert [breach.partition(":")[0] for breach in names.breaches(package)] == [
        "isthmus/reader.py",
        "isthmus/utils.py",
    ]


def test_imports_sees_the_root_a_package_and_a_circle(tmp_path):
    package = planted(
        tmp_path,
        losses__in____init__='"""Losses."""',
        losses__in__one="from isthmus.losses import Two\nfrom isthmus.losses.two import Two",
        losses__in__two="def f():\n    from isthmus.losses import one",
        root="import isthmus",
        typed="from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from isthmus.typed import X",
    )
    found = list(imports.breaches(package))
    assert any("one.py:1: imports the package losses" in breach for breach in found)
    assert any("root.py:1: imports the package isthmus" in breach for breach in found)
    assert any("circle: isthmus.losses.one, isthmus.losses.two" in breach for breach in found)
    assert len(found) == 3


def test_docstrings_sees_what_is_missing_and_what_is_untrue(tmp_path):
    source = '''
        """A module."""
        @dataclass
        class Spec:
            """The base."""

        @dataclass
        class Good(Spec):
            """A part.

            Parameters
            ----------
            rate : a number.
                It is explained further: at length.

            Call: nothing.
            """
            rate: float = 1.0
            family: ClassVar[str] = "x"

            def call(self):
                """Described here."""

        @dataclass
        class Heir(Good):
            """A part that describes nothing."""

            def call(self):
                return 1

            def other(self):
                return 2

        def wrong(a, *, b):
            """Do it.

            Parameters
            ----------
            a, c : numbers.

            Returns
            -------
            d : a number.
            """

        def silent():
            pass
    '''
    found = [breach.partition(": ")[2] for breach in docstrings.breaches(planted(tmp_path, module=source))]
    assert found == [
        "Heir.other has no docstring",
        "Heir is a part with fields and has no section Parameters",
        "wrong does not describe b",
        "wrong describes c, which it does not have",
        "silent has no docstring",
    ]


def test_duplication_counts_code_lines_only(tmp_path):
    block = "".join(f"x{number} = {number}  # {{}}\n" for number in range(8))
    package = planted(tmp_path, one='"""A."""\n' + block.format(*"a" * 8), two=block.format(*"b" * 8))
    assert duplication.share(package) == 1.0
    assert len(list(duplication.breaches(package))) == 1
    (package / "two.py").write_text(block.replace("x7 = 7", "x7 = 8"))
    assert duplication.share(package) == 0.0


def test_the_public_surface_is_what_all_says():
    assert sorted(isthmus.__all__) == sorted(set(isthmus.__all__))
    for name in isthmus.__all__:
        assert getattr(isthmus, name) is not None
    assert set(isthmus.__all__) <= set(dir(isthmus))


def test_every_module_can_be_imported_alone_from_its_own_name():
    found = [info.name for info in pkgutil.walk_packages([str(PACKAGE)], "isthmus.")]
    assert len(found) > 30
    for name in found:
        if not name.endswith("__main__"):
            importlib.import_module(name)


@pytest.mark.parametrize(
    "module", ["isthmus", "isthmus.spec", "isthmus.registry", "isthmus.data", "isthmus.cli.main"]
)
def test_importing_does_not_import_what_is_heavy(module):
    heavy = ("torch", "sklearn", "scipy", "pandas", "polars", "pyarrow", "matplotlib", "lightning_fabric")
    script = f"import sys, {module}; print(*[name for name in {heavy!r} if name in sys.modules])"
    environment = os.environ | {"PYTHONPATH": str(PACKAGE.parent)}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def requirements(project):
    """(name, bound) of every dependency, extras included."""
    every = [*project["dependencies"], *itertools.chain(*project["optional-dependencies"].values())]
    return [requirement.split(">=") for requirement in every]


def test_the_versions_agree(project):
    assert isthmus.__version__ == project["version"]
    assert f"\nversion: {project['version']}\n" in (ROOT / "CITATION.cff").read_text()


def test_dependencies_have_lower_bounds_only(requirements):
    for name, bound in requirements:
        assert re.fullmatch(r"[\w-]+", name)
        assert re.fullmatch(r"[\d.]+", bound)


def test_constraints_pin_every_dependency_within_its_bound(requirements):
    pinned = dict(
        re.findall(r"^([\w.-]+)==([\w.]+)$", (ROOT / "constraints.txt").read_text().lower(), re.MULTILINE)
    )
    for name, bound in requirements:
        exact, least = (tuple(map(int, re.findall(r"\d+", text))) for text in (pinned[name], bound))
        assert exact >= least, name
