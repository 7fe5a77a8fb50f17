"""Values as people write them on a command line, read without ever running them.

Numbers, strings, names, tuples, and parts with arguments: ``3e-4``, ``muon``, ``512,256``,
``GaussianNoise(0.3)``, ``(L1(0.01), L1(0.1, on=hidden))``. Anything else is refused.
"""

from __future__ import annotations

import ast
from typing import Any

from isthmus import registry
from isthmus.errors import ParameterError, nearest

_WORDS = {"true": True, "false": False, "none": None}
_LONGEST = 10_000


def parse_value(text: str, *, family: str = "") -> Any:
    """The value that ``text`` stands for.

    text : one expression; what is none (``cuda:0``, ``package.module:Name``) is the string itself.
    family : which parts are meant where a name alone, or a class name of several families, stands.

    Raises ParameterError for parts that do not exist or refuse their fields, and for expressions of other kinds.
    """
    stripped = text.strip()
    try:
        if len(stripped) > _LONGEST:
            raise ValueError(f"more than {_LONGEST} characters")
        tree = ast.parse(stripped, mode="eval")
        value = _value(tree.body, family)
    except SyntaxError as error:
        if stripped and not any(sign in stripped for sign in "()[]{}"):
            return part_named(stripped, family)
        raise ParameterError(f"{text!r} cannot be read ({error.msg}): check its brackets.") from error
    except (ValueError, RecursionError, MemoryError) as error:
        if isinstance(error, ParameterError):
            raise
        raise ParameterError(f"{text[:60]!r} cannot be read ({error}): write something simpler.") from error
    return part_named(value, family)


def part_named(value: Any, family: str) -> Any:
    """``value`` with names of parts of ``family`` as parts; other values as they are."""
    if not family:
        return value
    if isinstance(value, str) and not (family == "losses" and value == "auto"):
        return _made(registry.named(family, value), value, (), {})
    if isinstance(value, tuple):
        return tuple(part_named(item, family) for item in value)
    return value


def _value(node: ast.expr, family: str) -> Any:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float | str | bool | None):
        return node.value
    if isinstance(node, ast.Name):
        return _WORDS.get(node.id.casefold(), node.id)
    if isinstance(node, ast.Attribute):
        return ast.unparse(node)
    if isinstance(node, ast.Tuple | ast.List):
        return tuple(_value(item, family) for item in node.elts)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        number = _value(node.operand, family)
        if isinstance(number, int | float) and not isinstance(number, bool):
            return -number if isinstance(node.op, ast.USub) else number
    if isinstance(node, ast.Dict) and all(isinstance(key, ast.Constant) for key in node.keys):
        return {
            key.value: _value(item, family)
            for key, item in zip(node.keys, node.values, strict=True)
            if isinstance(key, ast.Constant)
        }
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return _call(node, node.func.id, family)
    raise ParameterError(
        f"{ast.unparse(node)[:60]!r} is no value: write numbers, names, tuples, or parts such as GaussianNoise(0.3)."
    )


def _call(node: ast.Call, name: str, family: str) -> Any:
    if any(isinstance(item, ast.Starred) for item in node.args) or any(
        item.arg is None for item in node.keywords
    ):
        raise ParameterError(f"{ast.unparse(node)[:60]!r} has stars: write the values out.")
    arguments = [_value(item, "") for item in node.args]
    fields = {str(item.arg): _value(item.value, "") for item in node.keywords}
    return _made(_part(name, family), name, arguments, fields)


def _made(part: type, name: str, arguments: Any, fields: dict[str, Any]) -> Any:
    try:
        return part(*arguments, **fields)
    except TypeError as error:
        reason = str(error).replace(f"{part.__name__}.__init__()", part.__name__).replace("__init__()", name)
        raise ParameterError(f"{reason}: `{part.__name__}` takes other fields.") from error


def _part(name: str, family: str) -> type:
    """The part of that class name: of ``family`` if it has one, else of any."""
    if family and name in registry.parts(family):
        return registry.parts(family)[name]
    known = {
        key: part for folder in reversed(registry.FAMILIES) for key, part in registry.parts(folder).items()
    }
    if name in known:
        return known[name]
    near = nearest(name, registry.parts(family) if family else known) or nearest(name, known)
    hint = f"did you mean {near!r}?" if near else f"known are {', '.join(known)}."
    raise ParameterError(f"{name!r} is no part: {hint}")
