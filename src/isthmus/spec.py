"""The base of all parts: typed, range-checked, comparable, printable dataclasses with JSON in and out.

A part is a plain mutable dataclass that derives from :class:`Spec`. Its annotations are its rules::

    @dataclass
    class Masking(Corruption):
        rate: Annotated[float, In("[0, 1)")] = 0.3

Construction checks all fields and reports every bad one together; assignment afterwards is free, and
whoever uses a part calls :meth:`Spec.validate` first, as scikit-learn does at ``fit``.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import numbers
import re
import types
import typing
from abc import ABCMeta
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Self, Union, get_args, get_origin

from isthmus import registry
from isthmus.errors import ParameterError, nearest, sentence

_INTERVAL = re.compile(r"([\[(])\s*(-?[\w.+-]+)\s*,\s*(-?[\w.+-]+)\s*([\])])")


@dataclass(frozen=True)
class In:
    """A range for ``Annotated``, written as in a book: ``In("[0, 1)")``, ``In("(0, inf)")``."""

    text: str

    def __contains__(self, value: float) -> bool:
        match = _INTERVAL.fullmatch(self.text)
        if match is None:
            raise ValueError(f"{self.text!r} is not an interval such as '[0, 1)'")
        opening, low, high, closing = match.groups()
        above = value >= float(low) if opening == "[" else value > float(low)
        below = value <= float(high) if closing == "]" else value < float(high)
        return above and below and not math.isnan(value)


def _rule_and_check(annotation: Any) -> tuple[str, typing.Callable[[Any], bool]]:
    """The rule in words and its test, for one annotation."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation is Any:
        return "anything", lambda value: True
    if origin is Annotated:
        rule, check = _rule_and_check(arguments[0])
        bounds = [extra for extra in arguments[1:] if isinstance(extra, In)]
        inside = f"{rule} in {bounds[0].text}" if bounds else rule
        return inside, lambda value: check(value) and all(value in bound for bound in bounds)
    if origin is Literal:
        return "one of " + ", ".join(map(repr, arguments)), lambda value: value in arguments
    if origin in (Union, types.UnionType):
        choices = [_rule_and_check(argument) for argument in arguments]
        return " or ".join(rule for rule, _ in choices), lambda value: any(
            check(value) for _, check in choices
        )
    if origin is tuple:
        return _sequence_rule(arguments)
    if origin is dict:
        return "a mapping", lambda value: isinstance(value, Mapping)
    if annotation is type(None):
        return "None", lambda value: value is None
    if annotation is bool:
        return "True or False", lambda value: isinstance(value, bool)
    if annotation is int:
        return "an integer", lambda value: isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if annotation is float:
        return "a number", lambda value: isinstance(value, numbers.Real) and not isinstance(value, bool)
    if annotation is str:
        return "a string", lambda value: isinstance(value, str)
    article = "an" if annotation.__name__[0] in "AEIOU" else "a"
    return f"{article} {annotation.__name__}", lambda value: isinstance(value, annotation)


def _sequence_rule(arguments: tuple[Any, ...]) -> tuple[str, typing.Callable[[Any], bool]]:
    """Rule and test of ``tuple[item, ...]`` and of ``tuple[a, b]``; a list will do for a tuple."""

    def sequence(value: Any) -> bool:
        return isinstance(value, Sequence) and not isinstance(value, str | bytes)

    if len(arguments) == 2 and arguments[1] is Ellipsis:
        rule, check = _rule_and_check(arguments[0])
        return f"a tuple, each {rule}", lambda value: sequence(value) and all(map(check, value))
    parts = [_rule_and_check(argument) for argument in arguments]
    return (
        "a tuple of " + ", ".join(rule for rule, _ in parts),
        lambda value: (
            sequence(value)
            and len(value) == len(parts)
            and all(check(item) for (_, check), item in zip(parts, value, strict=True))
        ),
    )


class SpecMeta(ABCMeta):
    """Reports unknown names and bad values of one construction together."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        known = (
            {field.name for field in dataclasses.fields(cls)}
            if dataclasses.is_dataclass(cls)
            else set(kwargs)
        )
        unknown = [_unknown_field(cls.__name__, name, known) for name in kwargs if name not in known]
        part = super().__call__(*args, **{name: value for name, value in kwargs.items() if name in known})
        problems = unknown + part.problems()
        if problems:
            raise ParameterError(" ".join(problems))
        return part


def _unknown_field(owner: str, name: str, known: set[str]) -> str:
    near = nearest(name, known)
    hint = f"did you mean {near!r}" if near else "it has " + (", ".join(sorted(known)) or "no fields")
    return f"{owner} has no field {name!r}: {hint}."


@functools.cache
def _rules(cls: type) -> dict[str, tuple[str, typing.Callable[[Any], bool]]]:
    hints = typing.get_type_hints(cls, include_extras=True)
    return {field.name: _rule_and_check(hints[field.name]) for field in dataclasses.fields(cls)}


def _plain(value: Any) -> Any:
    """A field's value with lists and arrays of numbers as tuples, for comparison and printing."""
    if isinstance(value, list | tuple):
        return tuple(_plain(item) for item in value)
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        return int(value)
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        return float(value)
    return value


def _in_order(part: Any) -> list[dataclasses.Field[Any]]:
    """The fields as a call takes them: those that are given by keyword only, often inherited, come last."""
    return sorted(dataclasses.fields(part), key=lambda field: bool(field.kw_only))


@dataclass(eq=False, repr=False)
class Spec(metaclass=SpecMeta):
    """Base of every part.

    Equal when of one class with equal fields; ``repr`` evaluates to an equal part;
    ``from_json(part.to_json()) == part``; ``get_params`` and ``set_params`` as in scikit-learn.
    """

    family: ClassVar[str] = ""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # Set here, before the subclass is decorated: dataclass keeps what it finds in the class itself.
        cls.__eq__ = Spec.__eq__  # type: ignore[method-assign]
        cls.__repr__ = Spec.__repr__  # type: ignore[method-assign]
        cls.__hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Spec) or type(self) is not type(other):
            return NotImplemented
        return self._values() == other._values()

    def __repr__(self) -> str:
        shown = [
            f"{field.name}={_shown(_plain(getattr(self, field.name)))}"
            for field in _in_order(self)
            if not _is_default(field, _plain(getattr(self, field.name)))
        ]
        return f"{type(self).__name__}({', '.join(shown)})"

    def _values(self) -> dict[str, Any]:
        return {field.name: _plain(getattr(self, field.name)) for field in _in_order(self)}

    def problems(self) -> list[str]:
        """One sentence for every field whose value breaks its rule, nested parts included."""
        found = []
        for name, (rule, check) in _rules(type(self)).items():
            value = getattr(self, name)
            if not check(value):
                found.append(sentence(f"{name} of {type(self).__name__}", rule, value))
        if not found:
            found = list(self.conflicts())
            for part in self._nested():
                found += part.problems()
        return found

    def conflicts(self) -> Iterator[str]:
        """Sentences about fields that are fine alone and not together; parts with such rules define it."""
        yield from ()

    def validate(self) -> None:
        """Raise one ParameterError that names every bad field."""
        problems = self.problems()
        if problems:
            raise ParameterError(" ".join(problems))

    def _nested(self) -> Iterator[Spec]:
        for value in self._values().values():
            for item in value if isinstance(value, tuple) else (value,):
                if isinstance(item, Spec):
                    yield item

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Fields by name; with ``deep`` also those of nested parts as ``part__field``."""
        params = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        if deep:
            for name, value in list(params.items()):
                if isinstance(value, Spec):
                    params |= {f"{name}__{key}": item for key, item in value.get_params().items()}
        return params

    def set_params(self, **params: Any) -> Self:
        """Set fields by name, nested ones as ``part__field``; all bad names are reported together."""
        known = {field.name for field in dataclasses.fields(self)}
        unknown: list[str] = []
        nested: dict[str, dict[str, Any]] = {}
        for name, value in params.items():
            head, _, rest = name.partition("__")
            if head not in known:
                unknown.append(_unknown_field(type(self).__name__, head, known))
            elif rest:
                nested.setdefault(head, {})[rest] = value
            else:
                setattr(self, name, value)
        if unknown:
            raise ParameterError(" ".join(unknown))
        for head, inner in nested.items():
            part = getattr(self, head)
            if not isinstance(part, Spec):
                raise ParameterError(
                    sentence(
                        f"{head} of {type(self).__name__}", f"a part to set {', '.join(inner)} of it", part
                    )
                )
            part.set_params(**inner)
        return self

    def to_json(self) -> dict[str, Any]:
        """JSON-ready form: ``{"type": "penalties.L1", field: value, ...}``."""
        return {"type": registry.type_name(type(self), self.family)} | {
            name: _to_json(value) for name, value in self._values().items()
        }


def _shown(value: Any) -> str:
    """A ``repr`` that evaluates, for numbers that are no literals too."""
    if isinstance(value, float) and not math.isfinite(value):
        return f"float({str(value)!r})"
    if isinstance(value, tuple):
        return f"({', '.join(map(_shown, value))}{',' if len(value) == 1 else ''})"
    return repr(value)


def _is_default(field: dataclasses.Field[Any], value: Any) -> bool:
    if field.default is not dataclasses.MISSING:
        default = field.default
    elif field.default_factory is not dataclasses.MISSING:
        default = field.default_factory()
    else:
        return False
    default = _plain(default)
    return type(default) is type(value) and bool(default == value)


def _to_json(value: Any) -> Any:
    if isinstance(value, Spec):
        return value.to_json()
    if isinstance(value, tuple):
        return [_to_json(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _to_json(item) for key, item in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return {"number": repr(value)}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ParameterError(f"{value!r} has no JSON form: use numbers, strings, tuples and parts as fields.")


def from_json(document: Any, *, allow: Sequence[str] = ()) -> Any:
    """The part, or plain value, that ``to_json`` wrote.

    A type outside isthmus (``"package.module:Class"``) is imported only when ``allow`` names its module.
    Raises ParameterError for unknown types and fields, ModelError for modules that were not allowed.
    """
    if isinstance(document, list):
        return tuple(from_json(item, allow=allow) for item in document)
    if not isinstance(document, dict):
        return document
    if set(document) == {"number"}:
        return float(document["number"])
    if set(document) == {"import"}:
        registry.check_allowed(document["import"], allow=allow)
        return document["import"]
    fields = {key: from_json(value, allow=allow) for key, value in document.items() if key != "type"}
    if "type" not in document:
        return fields
    return registry.resolve(document["type"], allow=allow)(**fields)


def clone(part: Any) -> Any:
    """A deep copy of a part, of a tuple, list or dictionary of parts, or of a plain value."""
    if isinstance(part, Spec):
        return type(part)(**{key: clone(value) for key, value in part.get_params(deep=False).items()})
    if isinstance(part, tuple | list):
        return type(part)(clone(item) for item in part)
    if isinstance(part, dict):
        return {key: clone(value) for key, value in part.items()}
    return part
