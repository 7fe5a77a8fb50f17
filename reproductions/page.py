"""``python -m reproductions.page``: gathers the results into ``docs/reproductions.md``."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
PAGE = HERE.parent / "docs" / "reproductions.md"
HEAD = """# Reproductions

Published results beside ours. Every number of ours here was printed by `make reproduce` on the machine that stands
below its tables; what a paper says is quoted with its source. Where a claim does not hold the table says so.
"""


def write() -> None:
    """The results that are there, one section a file."""
    deeper = (
        re.sub(r"^#", "##", path.read_text(), flags=re.MULTILINE) for path in sorted(RESULTS.glob("*.md"))
    )
    texts = [text.strip() for text in deeper] or [
        "No full run has been made yet: `make reproduce` makes one."
    ]
    PAGE.write_text("\n\n".join([HEAD.strip(), *texts]) + "\n")


if __name__ == "__main__":
    write()
