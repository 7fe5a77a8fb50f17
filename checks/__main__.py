"""Apply every law to the package; exit 1 and one line a breach when there are any."""

import sys
from pathlib import Path

from checks import docstrings, duplication, imports, names

PACKAGE = Path(__file__).parents[1] / "src" / "isthmus"

LAWS = {
    "names": names.breaches,
    "imports": imports.breaches,
    "docstrings": docstrings.breaches,
    "duplication": duplication.breaches,
}


def main() -> int:
    """Print the breaches of every law; the exit status."""
    status = 0
    for law, breaches in LAWS.items():
        found = list(breaches(PACKAGE))
        print(f"{law}: {len(found) or 'no'} breach{'es' * (len(found) != 1)}")
        for breach in found:
            print(f"  {breach}")
        status |= bool(found)
    print(f"duplication: {100 * duplication.share(PACKAGE):.1f} % of the code lines")
    return status


if __name__ == "__main__":
    sys.exit(main())
