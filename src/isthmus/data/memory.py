"""How much data may be held in memory."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

SHARE = 0.25
"""Of what the process may have: the rest is for the network, the optimiser, temporaries and others."""

_CGROUPS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def budget_bytes() -> int:
    """Bytes of data that may be held: a quarter of the tightest limit known.

    Looked at: RLIMIT_AS and RLIMIT_DATA of the process, the control group's limit, and the memory that is
    available now. Two gigabytes are assumed where the system tells nothing.
    """
    return int(min(_limits(), default=2 << 30) * SHARE)


def _limits() -> Iterator[int]:
    if sys.platform != "win32":
        import resource

        for limit in (resource.RLIMIT_AS, resource.RLIMIT_DATA):
            soft = resource.getrlimit(limit)[0]
            if soft != resource.RLIM_INFINITY:
                yield soft
    for path in _CGROUPS:
        text = _text(path).strip()
        if text.isdigit():
            yield int(text)
    for line in _text(Path("/proc/meminfo")).splitlines():
        if line.startswith("MemAvailable:"):
            yield int(line.split()[1]) * 1024


def _text(path: Path) -> str:
    """The file's text, or nothing where it does not exist."""
    try:
        return path.read_text()
    except OSError:
        return ""
