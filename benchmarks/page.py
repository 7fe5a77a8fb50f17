"""``python -m benchmarks.page``: gathers the newest results into ``docs/benchmarks.md``."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
PAGE = HERE.parent / "docs" / "benchmarks.md"
HEAD = """# Benchmarks

Every number here was printed by `make bench` on the machine that stands below each table. Machines are shared and
noisy: read the ratios, which are taken within a round, before the seconds. `make bench` makes an environment for
every other library on demand.
"""


def page() -> str:
    """The results that are there, one section a file."""
    found = sorted(RESULTS.glob("*.md"))
    deeper = (re.sub(r"^#", "##", path.read_text(), flags=re.MULTILINE) for path in found)
    return "\n\n".join([HEAD.strip(), *(text.strip() for text in deeper)]) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
