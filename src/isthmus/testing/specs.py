"""Properties of every part as a specification."""

from __future__ import annotations

import dataclasses
import importlib
import json
from collections.abc import Iterator
from typing import Any

from isthmus import spec
from isthmus.errors import ParameterError
from isthmus.testing.failure import require


def json_round_trip(part: spec.Spec) -> None:
    """``from_json`` of ``to_json`` is equal, through text."""
    document = json.loads(json.dumps(part.to_json(), allow_nan=False))
    again = spec.from_json(document, allow=tuple(named_modules(document)))
    require(again == part, f"{part!r} came back from JSON as {again!r}.")


def named_modules(document: Any) -> Iterator[str]:
    """Modules outside the registry that a document names."""
    if isinstance(document, list):
        for item in document:
            yield from named_modules(item)
    elif isinstance(document, dict):
        for key, item in document.items():
            if key in ("type", "import") and isinstance(item, str) and ":" in item:
                yield item.partition(":")[0]
            yield from named_modules(item)


def repr_evaluates(part: spec.Spec) -> None:
    """``repr`` is an expression that makes an equal part."""
    names: dict[str, Any] = {"inf": float("inf"), "nan": float("nan")}
    pending: list[spec.Spec] = [part]
    while pending:
        one = pending.pop()
        module = importlib.import_module(type(one).__module__)
        names[type(one).__name__] = getattr(module, type(one).__name__, type(one))
        pending += list(one._nested())
    again = eval(repr(part), names)  # noqa: S307  (the part's own repr is what is tried)
    require(again == part, f"repr of {part!r} evaluates to {again!r}.")


def params_round_trip(part: spec.Spec) -> None:
    """``set_params(**get_params())`` changes nothing, and every field is reached."""
    copy = spec.clone(part)
    shallow = part.get_params(deep=False)
    require(
        set(shallow) == {field.name for field in dataclasses.fields(part)},
        f"get_params of {type(part).__name__} must give every field.",
    )
    copy.set_params(**spec.clone(part).get_params(deep=False))
    require(copy == part, f"set_params of {part!r} with its own parameters gave {copy!r}.")
    nested = {name: value for name, value in part.get_params().items() if "__" in name}
    copy.set_params(**nested)
    require(copy == part, f"set_params of {part!r} with its own nested parameters gave {copy!r}.")


def clone_is_equal_and_apart(part: spec.Spec) -> None:
    """``clone`` gives an equal part that shares no part with it."""
    copy = spec.clone(part)
    require(copy == part and copy is not part, f"the clone of {part!r} must be another, equal part.")
    inside = {id(one) for one in part._nested()}
    require(not inside & {id(one) for one in copy._nested()}, f"the clone of {part!r} shares parts with it.")


def bad_fields_are_refused_together(part: spec.Spec) -> None:
    """An object of no meaning in every field raises one ParameterError that names every field."""
    rules = {name: rule for name, (rule, _) in spec._rules(type(part)).items() if rule != "anything"}
    try:
        type(part)(**dict.fromkeys(rules, object()))
    except ParameterError as error:
        missing = [name for name in rules if f"{name} of {type(part).__name__}" not in str(error)]
        require(not missing, f"{type(part).__name__} did not name its bad fields {', '.join(missing)}.")
    else:
        require(not rules, f"{type(part).__name__} took meaningless values for {', '.join(rules)}.")


SPEC = (
    json_round_trip,
    repr_evaluates,
    params_round_trip,
    clone_is_equal_and_apart,
    bad_fields_are_refused_together,
)
