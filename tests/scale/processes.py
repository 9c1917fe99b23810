"""Processes of this machine: who started whom, what they are called, what they hold."""

from __future__ import annotations

from pathlib import Path

# Of `ray::`, what a process that is at a slide is called after; an idle one is not.
AT_SLIDE = "ray::MapBatches"


def title(pid: int) -> str:
    """The first word of its command line; empty where it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().partition("\0")[0]
    except OSError:
        return ""


def below(pid: int) -> list[int]:
    """Those that it started, and those that they started."""
    found, waiting = list[int](), [pid]
    while waiting:
        waiting = [child for one in waiting for child in _children(one)]
        found += waiting
    return found


def _children(pid: int) -> list[int]:
    found = list[int]()
    try:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (thread / "children").read_text().split())
    except OSError:
        return found
    return found


def memory_bytes(pid: int) -> int:
    """What it holds in memory of its own, shared memory left out; 0 where it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    found = {name: rest for name, _, rest in (line.partition(":") for line in lines)}
    return 1024 * int(found.get("RssAnon", "0 kB").split()[0])
