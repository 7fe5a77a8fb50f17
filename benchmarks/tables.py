"""Results as JSON and as a markdown table that is legible in a terminal too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.machine import facts


def markdown(columns: list[str], rows: list[list[str]]) -> str:
    """A table with padded columns, numbers to the right."""
    widths = [max(len(row[i]) for row in [columns, *rows]) for i in range(len(columns))]
    rule = ["-" * (width - 1) + ("-" if i == 0 else ":") for i, width in enumerate(widths)]
    lines = []
    for first, *rest in [columns, rule, *rows]:
        cells = [
            first.ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True)),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def publish(
    part: str, title: str, sections: list[tuple[str, str]], setting: dict[str, Any], raw: Any, *, out: Path
) -> str:
    """Write ``part.json`` and ``part.md`` into ``out`` and return the markdown.

    sections : heading and table (or text) of each.
    setting : data, split, seed, budget; the machine is added.
    """
    machine = facts(int(setting["threads"]))
    listed = "\n".join(f"* {name}: {value}" for name, value in (setting | machine).items())
    body = "\n\n".join(f"## {heading}\n\n{text}" for heading, text in sections)
    text = f"# {title}\n\n{body}\n\n## Measured with\n\n{listed}\n"
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{part}.md").write_text(text)
    (out / f"{part}.json").write_text(
        json.dumps({"setting": setting, "machine": machine, "results": raw}, indent=1)
    )
    return text
