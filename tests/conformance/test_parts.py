"""Every part that a listing finds keeps to the properties of its family, in each of its variants."""

import pytest

from isthmus import registry, spec
from isthmus.testing.conformance import SAVED, properties
from isthmus.testing.examples import example, variants
from isthmus.testing.failure import NotApplicable
from isthmus.testing.fresh import (
    estimator_around,
    labels_for,
    reload,
    require_equal_results,
    save_for_comparison,
)
from isthmus.testing.specs import named_modules

EXAMPLES = [example(part) for family in registry.FAMILIES for part in registry.parts(family).values()]


def name_of(part):
    return f"{part.family}.{part!r}"


@pytest.mark.parametrize(
    ("part", "holds"),
    [
        pytest.param(part, holds, id=f"{part.family}.{type(part).__name__}-{holds.__name__}")
        for part in EXAMPLES
        for holds in properties(part)
    ],
)
def test_property(part, holds):
    tried, reasons = 0, []
    for variant in variants(part):
        try:
            holds(variant)
            tried += 1
        except NotApplicable as reason:
            reasons.append(str(reason))
        except Exception as error:
            error.add_note(f"with {variant!r}")
            raise
    if not tried:
        pytest.skip(reasons[0])


@pytest.fixture(scope="module")
def reloaded(tmp_path_factory):
    """One model a part, saved, and all of them loaded in one fresh process."""
    root = tmp_path_factory.mktemp("models")
    expected, allow = {}, set()
    for number, part in enumerate(EXAMPLES):
        if part.family in SAVED:
            model, X = estimator_around(part)
            model.fit(X, labels_for(X))
            expected[root / str(number)] = save_for_comparison(model, X, root / str(number))
            allow |= set(named_modules(part.to_json()))
    found = reload(list(expected), allow=sorted(allow))
    return {folder.name: (expected[folder], found[folder]) for folder in expected}


@pytest.mark.parametrize(
    "number", [pytest.param(n, id=name_of(part)) for n, part in enumerate(EXAMPLES) if part.family in SAVED]
)
def test_saved_model_gives_the_same_bits_in_a_fresh_process(number, reloaded):
    require_equal_results(*reloaded[str(number)])


def test_every_family_is_tried():
    families = {part.family for part in EXAMPLES}
    assert families == set(registry.FAMILIES)
    assert all(isinstance(part, spec.Spec) for part in EXAMPLES)
