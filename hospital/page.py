"""``python -m hospital.page``: gathers the results into ``docs/hospital.md``."""

from __future__ import annotations

import re
from pathlib import Path

from benchmarks.tables import markdown

from hospital.controls import LEFT_OUT, names
from hospital.illnesses import illnesses

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
PAGE = HERE.parent / "docs" / "hospital.md"
HEAD = """# The hospital

Autoencoders that were made ill on purpose, by mistakes that people make, and healthy ones: how often the doctor finds
what is wrong, and how often it is alarmed without reason. `make hospital` trains and examines all of them and prints
these tables; every number here is from such a run, on the machine that stands below its tables.

No patient's weights were written to suit a check: each is trained, with one thing done wrong in one of three degrees,
on small data, with three seeds. A control is a recipe of isthmus with sound settings. Patients of seed 0 are the
calibration part, which thresholds may be chosen by; sensitivity and specificity are reported on others, and on data
sets that no threshold was chosen by. Seeds 1 to 12, ADBench's pendigits, cardio, letter, vowels and magic and the Frey
faces were reported on before and then showed what to mend: remedies, when a treatment is kept, two nulls (of `overfit`
and `code-too-small`), what counts as structure beside the latter's, and controls that had not been trained well. So
they say nothing about the doctor as it is now, and others took their places. Cures were chosen after seeing patients of
those seeds on all data sets, cover and celeba too: of linear copies, of models that had hardly learned, of networks
with few rows, and how long early stopping waits."""


def write() -> None:
    """The illnesses, and the results that are there."""
    deeper = (
        re.sub(r"^#", "##", path.read_text(), flags=re.MULTILINE) for path in sorted(RESULTS.glob("*.md"))
    )
    texts = [text.strip() for text in deeper] or ["No full run has been made yet: `make hospital` makes one."]
    PAGE.write_text("\n\n".join([HEAD, f"## Illnesses\n\n{_illnesses()}", *texts]) + "\n")


def _illnesses() -> str:
    rows = [
        [
            f"`{name}`",
            one.mistake,
            "; ".join(one.degrees),
            ", ".join(f"`{code}`" for code in one.naming(images=True)),
        ]
        for name, one in illnesses().items()
    ]
    table = markdown(["illness", "mistake", "mild; moderate; severe", "findings that name it"], rows)
    left = " ".join(f"Left out is `{name}`: {reason}" for name, reason in LEFT_OUT.items())
    return f"{table}\n\nControls: {', '.join(f'`{name}`' for name in names())}. {left}"


if __name__ == "__main__":
    write()
