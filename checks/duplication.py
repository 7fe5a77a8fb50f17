"""Less than 3 % of the code lines lie in a block of eight lines that occurs twice."""

import ast
import io
import tokenize
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

LIMIT = 0.03
BLOCK = 8

Line = tuple[Path, int]


def breaches(package: Path) -> Iterator[str]:
    """One line for each pair of files that share blocks, when the share is over the limit."""
    if share(package) <= LIMIT:
        return
    for places in _repeated(_code(package)).values():
        yield "the same eight lines at " + " and ".join(
            f"{file.relative_to(package.parent)}:{line}" for file, line in places
        )


def share(package: Path) -> float:
    """The share of code lines that lie in a repeated block, in [0, 1]."""
    code = _code(package)
    numbers = {file: [number for number, _ in lines] for file, lines in code.items()}
    repeated: set[Line] = set()
    for places in _repeated(code).values():
        for file, first in places:
            start = numbers[file].index(first)
            repeated.update((file, number) for number in numbers[file][start : start + BLOCK])
    return len(repeated) / max(1, sum(map(len, code.values())))


def _code(package: Path) -> dict[Path, list[tuple[int, str]]]:
    """Number and text of the code lines of each file: no blanks, comments, docstrings, imports."""
    return {file: _code_lines(file.read_text(encoding="utf-8")) for file in sorted(package.rglob("*.py"))}


def _code_lines(source: str) -> list[tuple[int, str]]:
    skipped: set[int] = set()
    for node in (item for item in ast.walk(ast.parse(source)) if isinstance(item, ast.stmt)):
        text = (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        )
        if text or isinstance(node, ast.Import | ast.ImportFrom):
            skipped.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    lines: dict[int, str] = {}
    ignored = (
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    )
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in ignored:
            for number in range(token.start[0], token.end[0] + 1):
                lines[number] = lines.get(number, "") + " " + token.string
    return [(number, text) for number, text in sorted(lines.items()) if number not in skipped]


def _repeated(code: dict[Path, list[tuple[int, str]]]) -> dict[tuple[str, ...], list[Line]]:
    """Where each block that occurs at least twice begins."""
    places: dict[tuple[str, ...], list[Line]] = defaultdict(list)
    for file, lines in code.items():
        for start in range(len(lines) - BLOCK + 1):
            window = lines[start : start + BLOCK]
            places[tuple(text for _, text in window)].append((file, window[0][0]))
    return {block: found for block, found in places.items() if len(found) > 1}
