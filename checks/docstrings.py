"""Public things are described, and what a docstring says of parameters is true.

* Every module, public class, public function and public method has a docstring; a method may inherit
  that of the method it overrides.
* What stands under ``Parameters`` is exactly the function's parameters or the dataclass's fields.
* A part (a dataclass with fields that derives from ``Spec`` and can be made) has that section.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_SECTION = re.compile(r"^Parameters\n-+\n(.*?)(?=^\S[^\n]*\n-{3,}$|\Z)", re.MULTILINE | re.DOTALL)
# "name : what it is", at the margin or after a full stop.
_ENTRY = re.compile(r"(?:^|(?<=\. ))([*\w]+(?:, [*\w]+)*) : ", re.MULTILINE)


@dataclass
class _Class:
    """What other classes may need to know of a class."""

    node: ast.ClassDef
    bases: list[str]
    fields: list[str]
    documented: set[str]
    abstract: bool = field(default=False)


def breaches(package: Path) -> Iterator[str]:
    """One line for each missing or untrue docstring."""
    trees = {
        file: ast.parse(file.read_text(encoding="utf-8"))
        for file in sorted(package.rglob("*.py"))
        if file.name == "__init__.py" or not file.name.startswith("_")
    }
    classes = {
        node.name: _read_class(node)
        for tree in trees.values()
        for node in tree.body
        if isinstance(node, ast.ClassDef)
    }
    for file, tree in trees.items():
        where = str(file.relative_to(package.parent))
        if not ast.get_docstring(tree):
            yield f"{where}:1: the module has no docstring"
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _public(node.name):
                yield from _check_function(node, where)
            elif isinstance(node, ast.ClassDef) and _public(node.name):
                yield from _check_class(classes[node.name], where, classes)


def _public(name: str) -> bool:
    return not name.startswith("_")


def _read_class(node: ast.ClassDef) -> _Class:
    methods = [item for item in node.body if isinstance(item, ast.FunctionDef)]
    fields = [
        item.target.id
        for item in node.body
        if isinstance(item, ast.AnnAssign)
        and isinstance(item.target, ast.Name)
        and "ClassVar" not in ast.dump(item.annotation)
        and _public(item.target.id)
    ]
    return _Class(
        node=node,
        bases=[ast.unparse(base) for base in node.bases],
        fields=fields if any("dataclass" in ast.dump(item) for item in node.decorator_list) else [],
        documented={method.name for method in methods if ast.get_docstring(method)},
        abstract="ABC" in ast.dump(ast.Tuple(list(node.bases)))
        or any("abstract" in ast.dump(item) for method in methods for item in method.decorator_list),
    )


def _lineage(found: _Class, classes: dict[str, _Class]) -> list[_Class]:
    """A class and those of its ancestors that are in the package, nearest first."""
    line = [found]
    for base in found.bases:
        if base in classes and classes[base] is not found:
            line += _lineage(classes[base], classes)
    return line


def _check_class(found: _Class, where: str, classes: dict[str, _Class]) -> Iterator[str]:
    node, line = found.node, _lineage(found, classes)
    place = f"{where}:{node.lineno}: {node.name}"
    text = ast.get_docstring(node)
    outside = any(base not in classes for base in found.bases)
    for method in node.body:
        if isinstance(method, ast.FunctionDef) and _public(method.name):
            inherited = any(method.name in ancestor.documented for ancestor in line[1:])
            framework = outside and method.name in ("forward", "extra_repr")  # described by torch
            if ast.get_docstring(method):
                yield from _check_function(method, where, owner=node.name)
            elif not inherited and not framework and not _accessory(method):
                yield f"{where}:{method.lineno}: {node.name}.{method.name} has no docstring"
    if not text:
        yield f"{place} has no docstring"
        return
    fields = {name for ancestor in line for name in ancestor.fields}
    listed = _listed(text)
    is_part = not found.abstract and any(ancestor.node.name == "Spec" for ancestor in line[1:])
    if listed is None:
        if is_part and fields:
            yield f"{place} is a part with fields and has no section Parameters"
        return
    init = next(
        (item for item in node.body if isinstance(item, ast.FunctionDef) and item.name == "__init__"), None
    )
    yield from _compare(listed, _parameters(init) if init else fields, place)


def _accessory(method: ast.FunctionDef) -> bool:
    """Setters, deleters and overloads belong to something that is described once."""
    shown = " ".join(ast.dump(item) for item in method.decorator_list)
    return any(word in shown for word in ("'setter'", "'deleter'", "'overload'"))


def _check_function(
    node: ast.FunctionDef | ast.AsyncFunctionDef, where: str, owner: str = ""
) -> Iterator[str]:
    place = f"{where}:{node.lineno}: {owner + '.' if owner else ''}{node.name}"
    text = ast.get_docstring(node)
    if not text:
        yield f"{place} has no docstring"
        return
    listed = _listed(text)
    if listed is not None:
        yield from _compare(listed, _parameters(node), place)


def _parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    arguments = node.args
    every = [
        *arguments.posonlyargs,
        *arguments.args,
        *arguments.kwonlyargs,
        arguments.vararg,
        arguments.kwarg,
    ]
    return {item.arg for item in every if item is not None and item.arg not in ("self", "cls")}


def _listed(text: str) -> set[str] | None:
    """Names under ``Parameters`` in a docstring; None where it has no such section."""
    section = _SECTION.search(text + "\n")
    if section is None:
        return None
    return {name.strip().lstrip("*") for found in _ENTRY.findall(section[1]) for name in found.split(",")}


def _compare(listed: set[str], actual: set[str], place: str) -> Iterator[str]:
    if missing := sorted(actual - listed):
        yield f"{place} does not describe {', '.join(missing)}"
    if unknown := sorted(listed - actual):
        yield f"{place} describes {', '.join(unknown)}, which it does not have"
