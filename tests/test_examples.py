"""The examples run, and what they print is so."""

import contextlib
import io
import runpy
from pathlib import Path

import pytest

EXAMPLES = {path.stem: path for path in sorted((Path(__file__).parents[1] / "examples").glob("*.py"))}


@pytest.fixture(scope="module")
def ran():
    """What each example's ``main`` gives back and prints."""
    found = {}
    for name, path in EXAMPLES.items():
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            found[name] = runpy.run_path(str(path))["main"](), printed.getvalue()
    return found


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_runs_and_prints(name, ran):
    assert ran[name][1].strip()


def test_the_composition_is_better_than_pca_and_means(ran):
    errors, printed = ran["composition"]
    for entries in ("known", "holes"):
        assert errors["autoencoder"][entries] < errors["PCA"][entries] < errors["means"][entries]
        assert f"{errors['autoencoder'][entries]:.3f}" in printed
    assert all(term in printed for term in ("kl", "contractive", "l1"))


def test_a_plain_module_is_diagnosed_and_the_broken_one_is_told_from_the_sound_one(ran):
    reports, printed = ran["diagnose_pytorch"]
    assert reports["trained well"].healthy
    assert reports["trained too fast"]["mean-collapse"].severity == "failure"
    assert not reports["trained too fast"].healthy
    assert all(finding.title in printed for report in reports.values() for finding in report)
