"""Nothing imports the root, siblings import each other's modules and never their package, nothing in a circle.

import-linter keeps the layers; this keeps what it has no contract for.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

PARTS = frozenset({"architectures", "codes", "priors", "losses", "corruptions", "penalties"})


def breaches(package: Path) -> Iterator[str]:
    """One line for each import of a package where a module is meant, and for each circle."""
    graph: dict[str, set[str]] = {}
    for file in sorted(package.rglob("*.py")):
        name = _module(file, package)
        graph[name] = set()
        for line, target, typing_only in _imports(file, package):
            if target.is_dir() and name != package.name and _is_forbidden(name, target, package):
                where = file.relative_to(package.parent)
                yield f"{where}:{line}: imports the package {target.name}, not a module of it"
            elif not typing_only and not target.is_dir():
                graph[name].add(_module(target, package))
    for circle in _circles(graph):
        yield "modules import each other in a circle: " + ", ".join(circle)


def _is_forbidden(importer: str, target: Path, package: Path) -> bool:
    """Whether ``target`` is the root, the importer's own package, or the family of a sibling part."""
    own = importer.split(".")[1]
    wanted = target.relative_to(package).parts[:1]
    return not wanted or wanted[0] == own or {own, wanted[0]} <= PARTS


def _module(file: Path, package: Path) -> str:
    path = file.relative_to(package.parent).with_suffix("")
    return ".".join(path.parent.parts if path.name == "__init__" else path.parts)


def _imports(file: Path, package: Path) -> Iterator[tuple[int, Path, bool]]:
    """(line, what is imported, whether for type checkers only) for every import from the package itself."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            if isinstance(node, ast.stmt) and name.partition(".")[0] == package.name:
                yield node.lineno, _target(name, package), id(node) in typing_only


def _target(name: str, package: Path) -> Path:
    """The file of the module that ``package.folder.module.name`` comes from, or the folder of a package."""
    path = package
    for piece in name.split(".")[1:]:
        if (path / f"{piece}.py").is_file():
            return path / f"{piece}.py"
        if not (path / piece).is_dir():
            break
        path = path / piece
    return path


def _circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Groups of modules each of which reaches all the others."""
    reach = {name: _reachable(name, graph) for name in graph}
    groups = {
        tuple(sorted(other for other in reach[name] if name in reach.get(other, ())))
        for name in graph
        if name in reach[name]
    }
    return [list(group) for group in sorted(groups)]


def _reachable(start: str, graph: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    queue = list(graph[start])
    while queue:
        name = queue.pop()
        if name not in seen:
            seen.add(name)
            queue.extend(graph.get(name, ()))
    return seen
