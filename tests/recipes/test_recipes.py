"""Every recipe is found by listing and obeys the same rules."""

import inspect

import numpy as np
import pytest

from isthmus import Autoencoder, recipes
from isthmus.architectures import Conv, Dense
from isthmus.errors import ParameterError

RNG = np.random.default_rng(0)
IMAGES = RNG.random((20, 8, 8)).astype(np.float32)
LABELS = np.arange(20) % 2


@pytest.mark.parametrize("name", recipes.names())
def test_a_recipe_returns_an_autoencoder_and_says_where_it_comes_from(name):
    recipe = recipes.get(name)
    assert recipe is getattr(recipes, name)
    assert recipe.__name__ == name
    assert "(" in recipe.reference
    assert inspect.getdoc(recipe)
    assert isinstance(recipe(), Autoencoder)
    assert set(recipe.fields()) == set(inspect.signature(recipe).parameters) >= {"code_size", "random_state"}
    assert recipe(code_size=3).code.size == 3


@pytest.mark.parametrize("name", recipes.names())
def test_a_recipe_trains(name):
    recipe = recipes.get(name)
    small = {"channels": (3, 4)} if "channels" in recipe.fields() else {}
    model = recipe(code_size=2, random_state=0, **small).set_params(training__max_epochs=1)
    assert model.fit(IMAGES, LABELS).transform(IMAGES).shape == (20, 2)


@pytest.mark.parametrize("name", recipes.names())
def test_a_recipe_takes_its_own_fields_only(name):
    with pytest.raises(ParameterError, match="did you mean 'code_size'"):
        recipes.get(name)(codesize=3)


def test_names_and_attributes_agree():
    assert {"conv", "dense"} <= set(recipes.names()) <= set(dir(recipes))


def test_an_unknown_recipe():
    with pytest.raises(ParameterError, match="did you mean 'dense'"):
        recipes.get("dens")
    with pytest.raises(AttributeError, match="did you mean 'dense'"):
        _ = recipes.dens


def test_what_the_two_first_recipes_compose():
    assert recipes.dense(4, (8,)).architecture == Dense(hidden=(8,))
    assert recipes.dense(4, [8]).code.size == 4
    assert recipes.conv(4, (8, 16)).architecture == Conv(channels=(8, 16))


def test_settings_that_are_no_fields_go_to_set_params():
    model = recipes.dense().set_params(training__max_epochs=3, architecture__dropout=0.5)
    assert model.training.max_epochs == 3
    assert model.architecture.dropout == 0.5


def test_a_wrong_number_of_arguments_is_a_sentence():
    with pytest.raises(ParameterError, match="takes no such arguments"):
        recipes.dense(3, (4,), 5)
