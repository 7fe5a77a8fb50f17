"""From options, a configuration file and ``--set`` to an Autoencoder; every bad setting is reported together."""

from __future__ import annotations

import dataclasses
import functools
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from isthmus import registry
from isthmus.cli.choices import FILE_TYPES, Choices
from isthmus.cli.expressions import parse_value, part_named
from isthmus.errors import ParameterError, nearest
from isthmus.spec import Spec, from_json

if TYPE_CHECKING:
    from isthmus.estimator import Autoencoder

PARTS = {
    "architecture": "architectures",
    "code": "codes",
    "loss": "losses",
    "corruption": "corruptions",
    "penalties": "penalties",
    "training": "training",
}
_PLAIN = ("scaling",)
_EXAMPLES = {"penalties": "['L1(0.01)']", "scaling": "'standard'"}
_OWN = {"checkpoint": "--checkpoint-every", "checkpoint_seconds": "--checkpoint-every", "resume": "--resume"}


def widths(text: Any) -> Any:
    """``"512,256"`` -> (512, 256); the empty string is no layer at all; values of other types as they are."""
    if not isinstance(text, str):
        return (text,) if isinstance(text, int) else text
    if not text.strip():
        return ()
    value = parse_value(text)
    return value if isinstance(value, tuple) else (value,)


def compose(choices: Choices) -> Autoencoder:
    """The Autoencoder that was chosen. Raises one ParameterError that names everything wrong."""
    from isthmus import recipes

    recipe: Any = recipes.get(choices.recipe or "dense")
    composer = _Composer(recipe, choices)
    model = composer.run()
    if composer.problems:
        raise ParameterError(" ".join(composer.problems))
    return model


class _Composer:
    """One composition and the problems found in it."""

    def __init__(self, recipe: Any, choices: Choices) -> None:
        self.recipe = recipe
        self.choices = choices
        self.problems: list[str] = []
        self.fields = [name for name in self.recipe.fields() if name not in ("random_state", *PARTS)]

    def run(self) -> Autoencoder:
        """The recipe with its fields, then the file's parts, then options, then ``--set`` in the order given."""
        choices = self.choices
        settings = list(self._read_settings())
        model = self._begin({path: value for path, value in settings if path in self.fields})
        for name, value in choices.parts.items():
            if name not in self.fields:
                self._try(_assign_document, model, name, value)
        flags = {name for name in vars(choices) if name not in choices.from_file}
        if "architecture" in choices.parts and choices.hidden is not None and "hidden" in flags:
            self._try(assign, model, "architecture.hidden", widths(choices.hidden))
        if "code" in choices.parts and choices.code_size is not None and "code_size" in flags:
            self._try(assign, model, "code.size", choices.code_size)
        for path, value in (
            ("loss", choices.loss),
            ("training.max_epochs", choices.epochs),
            ("training.device", choices.device),
        ):
            if value is not None:
                self._try(_assign_document, model, path, value)
        for path, value in settings:
            if path not in self.fields:
                self._try(assign, model, path, value)
        model.random_state = 0 if choices.seed is None else choices.seed
        if not self.problems:
            self.problems += list(_invalid(model))
        return model

    def _try(self, function: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return function(*arguments)
        except ParameterError as error:
            self.problems.append(str(error))
            return None

    def _read_settings(self) -> Iterator[tuple[str, Any]]:
        for text in self.choices.settings:
            path, equals, value = text.partition("=")
            path = path.strip().replace("-", "_")
            if not equals or not path:
                self.problems.append(f"--set {text!r} has no value: write it as part.field=value.")
                continue
            owner, _, name = path.rpartition(".")
            family = PARTS.get(path, "") if not owner else ""
            known = len(self.problems)
            read = self._try(functools.partial(parse_value, value, family=family if path != "code" else ""))
            if len(self.problems) == known:
                yield path, widths(read) if name == "hidden" else read

    def _begin(self, settings: dict[str, Any]) -> Autoencoder:
        """The recipe with its own fields out of file, options and ``--set``; with its defaults where they are bad."""
        choices = self.choices
        given = {name: value for name, value in choices.parts.items() if name in self.fields}
        given |= {"code_size": choices.code_size, "hidden": widths(choices.hidden)}
        given |= settings
        given = {name: _tuples(value) for name, value in given.items() if value is not None}
        for name in [name for name in given if name not in self.fields]:
            if not (name == "hidden" and "architecture" in choices.parts):
                self.problems.append(
                    f"recipe {self.recipe.__name__} has no {name}: its fields are {', '.join(self.fields)}."
                )
            given.pop(name)
        model: Autoencoder | None = self._try(functools.partial(self.recipe, **given))
        return model if model is not None else self.recipe()


def assign(model: Autoencoder, path: str, value: Any) -> None:
    """Set ``part.field`` or ``part.part.field`` of a model. Raises ParameterError for names that do not exist."""
    first, *rest = path.split(".")
    if first not in PARTS and first not in _PLAIN:
        raise ParameterError(_unknown(first, "The autoencoder", (*PARTS, *_PLAIN)))
    if not rest:
        setattr(model, first, _whole(first, value))
        return
    if first == "training" and rest[0] in _OWN:
        raise ParameterError(f"{path} is kept by fit itself: use {_OWN[rest[0]]}.")
    part = model.part(first) if first in PARTS and first != "penalties" else None
    setattr(model, first, part) if part is not None else None
    for name in rest[:-1]:
        part = _inner(part, name, path)
    if not isinstance(part, Spec):
        raise ParameterError(f"{path} cannot be set, there is no such part: set {first} as a whole first.")
    _set_field(part, rest[-1], value)


def _whole(name: str, value: Any) -> Any:
    """A value for a whole part: a name becomes its part, one penalty a tuple of it, an int stays a code."""
    if name in _PLAIN or (name == "code" and isinstance(value, int)):
        return value
    value = part_named(value, PARTS[name])
    return (value,) if name == "penalties" and isinstance(value, Spec) else value


def _inner(part: Any, name: str, path: str) -> Any:
    """The part in a part's field; a name there becomes the part of that name first."""
    if not isinstance(part, Spec) or name not in _names(part):
        raise ParameterError(
            _unknown(name, type(part).__name__, _names(part)) if isinstance(part, Spec) else path
        )
    inner = getattr(part, name)
    if isinstance(inner, str):
        inner = part_named(inner, _family_of(type(part), name))
        setattr(part, name, inner)
    return inner


def _set_field(part: Spec, name: str, value: Any) -> None:
    if name not in _names(part):
        raise ParameterError(_unknown(name, type(part).__name__, _names(part)))
    if name in ("hidden", "channels") and isinstance(value, int):
        value = (value,)
    setattr(part, name, part_named(value, _family_of(type(part), name)))
    wrong = [problem for problem in part.problems() if problem.startswith(f"{name} of ")]
    if wrong:
        raise ParameterError(" ".join(wrong))


def _assign_document(model: Autoencoder, path: str, value: Any) -> None:
    """Set what a configuration file says: a table of fields, a table with a type, an expression, or a value."""
    if path.partition(".")[0] not in (*PARTS, *_PLAIN):
        raise ParameterError(_unknown(path, "The configuration", (*FILE_TYPES, *PARTS, *_PLAIN)))
    if isinstance(value, Mapping):
        _assign_table(model, path, value)
    elif isinstance(value, str) and path in PARTS:
        assign(model, path, parse_value(value, family=PARTS[path]))
    else:
        assign(model, path, _read(value, PARTS.get(path, "")))


def _assign_table(model: Autoencoder, path: str, value: Mapping[str, Any]) -> None:
    """Fields of a part; with a ``type`` of a new one. Every bad field is reported together."""
    if path == "penalties" or path not in PARTS:
        raise ParameterError(
            f"{path} of the configuration is no table: write {path} = {_EXAMPLES.get(path, '...')}."
        )
    fields = {name.replace("-", "_"): item for name, item in value.items() if name != "type"}
    if "type" in value:
        part = registry.named(PARTS[path], str(value["type"]))
        simple = {name: _read(item, "") for name, item in fields.items() if not isinstance(item, Mapping)}
        assign(model, path, _made(part, simple))
        fields = {name: item for name, item in fields.items() if name not in simple}
    problems = []
    for name, item in fields.items():
        try:
            _assign_field(model, f"{path}.{name}", item)
        except ParameterError as error:
            problems.append(str(error))
    if problems:
        raise ParameterError(" ".join(problems))


def _assign_field(model: Autoencoder, path: str, item: Any) -> None:
    if isinstance(item, Mapping):
        first, _, rest = path.partition(".")
        owner: Any = type(model.part(first))
        family = _family_of(owner, rest)
        if "type" in item and family:
            fields = {name: _read(value, "") for name, value in item.items() if name != "type"}
            assign(model, path, _made(registry.named(family, str(item["type"])), fields))
            return
        if family:
            for name, value in item.items():
                assign(model, f"{path}.{name}", _read(value, ""))
            return
    assign(model, path, _read(item, ""))


def _made(part: type, fields: dict[str, Any]) -> Any:
    try:
        return part(**fields)
    except TypeError as error:
        raise ParameterError(f"{part.__name__} cannot be made ({error}): check its fields.") from error


def _read(value: Any, family: str) -> Any:
    """A value of a file: lists are tuples, strings with brackets are expressions, tables with a type are parts."""
    if isinstance(value, list):
        return tuple(_read(item, family) for item in value)
    if isinstance(value, Mapping) and "type" in value and family:
        part = registry.named(family, str(value["type"]))
        return _made(part, {name: _read(item, "") for name, item in value.items() if name != "type"})
    if isinstance(value, str) and "(" in value:
        return parse_value(value, family=family)
    return from_json(value) if isinstance(value, str | int | float | bool) else value


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def _names(part: Spec) -> tuple[str, ...]:
    return tuple(item.name for item in dataclasses.fields(part))


@functools.cache
def _family_of(owner: type, name: str) -> str:
    """Which family of parts a field of a part takes, "" where it takes none."""
    hint = typing.get_type_hints(owner).get(name)
    for kind in (hint, *typing.get_args(hint)):
        if isinstance(kind, type) and issubclass(kind, Spec):
            return kind.family
    return ""


def _invalid(model: Autoencoder) -> Iterator[str]:
    for name in PARTS:
        value: Any = getattr(model, name)
        for item in value if isinstance(value, tuple) else (value,):
            if isinstance(item, Spec):
                yield from item.problems()
            elif name in ("corruption", "penalties", "architecture", "training") and item is not None:
                yield f"{name} must be one of the {PARTS[name]}, got {item!r}."
    code: Any = model.code
    if isinstance(code, bool) or not isinstance(code, int | Spec) or (isinstance(code, int) and code < 1):
        yield f"code must be a number of at least 1 or one of the codes, got {code!r}."


def _unknown(name: str, owner: str, known: Sequence[str]) -> str:
    near = nearest(name, known)
    hint = f"did you mean {near!r}" if near else f"known are {', '.join(known)}"
    return f"{owner} has no {name!r}: {hint}."
