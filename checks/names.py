"""No file is called after nothing, and none does what src never does."""

import ast
from collections.abc import Iterator
from pathlib import Path

BANNED = frozenset({"utils", "util", "common", "base", "helpers", "misc", "tools"})
PICKLES = frozenset({"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"})


def breaches(package: Path) -> Iterator[str]:
    """One line for each file or folder with a banned name, and for each import of a pickle module."""
    for file in sorted(package.rglob("*.py")):
        where = file.relative_to(package.parent)
        for part in where.with_suffix("").parts:
            if part in BANNED:
                yield f"{where}: {part!r} says nothing: name it after what it does"
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for node in (item for item in ast.walk(tree) if isinstance(item, ast.stmt)):
            for module in _imported(node):
                if module.partition(".")[0] in PICKLES:
                    yield f"{where}:{node.lineno}: {module} unpickles, and nothing in src may"


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [node.module or ""]
    return []
