"""How much data may be held in memory."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

SHARE = 0.25
"""Of what the process may have: the rest is for the network, the optimiser, temporaries and others."""

_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8  # malloc.h
#: Allocations of so many bytes get pages of their own, which go back to the system when they are freed.
_OWN_PAGES = 1 << 20
_CGROUP = Path("/sys/fs/cgroup")
_CGROUPS = (
    (_CGROUP / "memory.max", _CGROUP / "memory.current"),
    (_CGROUP / "memory/memory.limit_in_bytes", _CGROUP / "memory/memory.usage_in_bytes"),
)


def budget_bytes() -> int:
    """Bytes of data that may be held: a quarter of what the tightest limit known leaves.

    Looked at: RLIMIT_AS and RLIMIT_DATA of the process, less what it has taken; the control group's limit, less
    what the group has taken; and the memory that is available now. Two gigabytes are assumed where the system
    tells nothing.
    """
    return int(max(0, min(_room(), default=2 << 30)) * SHARE)


@cache
def spare_address_space() -> None:
    """Under a limit on address space, have the C library reserve less of it. Does nothing without such a limit.

    glibc reserves 64 MB for every thread that allocates, up to eight times the cores; two such arenas do. And after
    the first large buffer is freed it takes the next ones from its heap, where buffers of changing sizes leave holes
    that add up over an hour of blocks; with a threshold that is set it never does.
    """
    if not sys.platform.startswith("linux"):
        return
    import ctypes
    import resource

    if resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY:
        return
    tune = getattr(ctypes.CDLL(None), "mallopt", None)  # absent from other C libraries than glibc
    if tune is not None:
        tune(_M_ARENA_MAX, 2)
        tune(_M_MMAP_THRESHOLD, _OWN_PAGES)


def _room() -> Iterator[int]:
    if sys.platform != "win32":
        import resource

        for limit, taken in ((resource.RLIMIT_AS, "VmSize"), (resource.RLIMIT_DATA, "VmData")):
            soft = resource.getrlimit(limit)[0]
            if soft != resource.RLIM_INFINITY:
                yield soft - _kilobytes(Path("/proc/self/status"), taken, default=0) * 1024
    for limit_file, usage_file in _CGROUPS:
        text, used = _text(limit_file).strip(), _text(usage_file).strip()
        if text.isdigit():
            yield int(text) - (int(used) if used.isdigit() else 0)
    available = _kilobytes(Path("/proc/meminfo"), "MemAvailable", default=-1)
    if available >= 0:
        yield available * 1024


def _kilobytes(path: Path, name: str, *, default: int) -> int:
    """The number behind ``name:`` in one of the kernel's tables."""
    for line in _text(path).splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    return default


def _text(path: Path) -> str:
    """The file's text, or nothing where it does not exist."""
    try:
        return path.read_text()
    except OSError:
        return ""
