"""Every recipe that the listing finds keeps to the properties of recipes."""

import pytest

from isthmus import recipes
from isthmus.testing.fresh import reload, require_equal_results, save_for_comparison
from isthmus.testing.recipes import LABELS, RECIPES, composed, suited


@pytest.mark.parametrize("holds", RECIPES, ids=lambda holds: holds.__name__)
@pytest.mark.parametrize("name", recipes.names())
def test_property(name, holds):
    holds(name)


@pytest.mark.slow
def test_saved_recipes_give_the_same_bits_in_a_fresh_process(tmp_path):
    expected = {}
    for name in recipes.names():
        model = composed(name)
        X = suited(model)
        expected[tmp_path / name] = save_for_comparison(model.fit(X, LABELS), X, tmp_path / name)
    for folder, found in reload(list(expected)).items():
        require_equal_results(expected[folder], found)
