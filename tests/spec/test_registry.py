"""Parts are found by listing folders."""

import importlib

import pytest

from isthmus import registry
from isthmus.errors import ModelError, ParameterError


@pytest.mark.parametrize("family", registry.FAMILIES)
def test_every_part_is_public_named_and_resolved(family):
    parts = registry.parts(family)
    assert parts
    package = importlib.import_module(f"isthmus.{family}")
    for name, part in parts.items():
        assert getattr(package, name) is part
        assert name in dir(package)
        assert registry.named(family, name.lower()) is part
        assert registry.resolve(registry.type_name(part, family), allow=()) is part
        if getattr(part, "alias", ""):
            assert registry.named(family, part.alias) is part


@pytest.mark.parametrize("family", registry.FAMILIES)
def test_aliases_name_one_part_each(family):
    aliases = [part.alias for part in registry.parts(family).values() if getattr(part, "alias", "")]
    assert len(set(aliases)) == len(aliases)


def test_near_names_are_offered():
    with pytest.raises(ParameterError, match="did you mean 'orthogonal'"):
        registry.named("training.initial", "ortogonal")
    with pytest.raises(AttributeError, match="did you mean 'SquaredError'"):
        importlib.import_module("isthmus.losses").SquareError  # noqa: B018


def test_foreign_names_need_leave():
    with pytest.raises(ModelError, match="not allowed"):
        registry.resolve("json:JSONDecoder", allow=("js",))
    assert registry.resolve("json.decoder:JSONDecoder", allow=("json",)).__name__ == "JSONDecoder"
    with pytest.raises(ModelError, match="cannot be imported"):
        registry.resolve("json:Missing", allow=("json",))
