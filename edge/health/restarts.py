"""Whether the service breaks off, and whether it is in safe mode for that."""

from __future__ import annotations

from pathlib import Path

from edge.health.check import FAILED, OK, WARNING, Check
from edge.starts import NORMAL, read_starts, this_start

NAME = "restarts"


def check_restarts(home: Path, boot: str | None = None) -> Check:
    """By what the service noted of its starts.

    Args:
        home: the data directory.
        boot: id of the system's own start; None for that of this one.
    """
    starts = read_starts(home)
    if starts.running and starts.running.mode != NORMAL:
        advice = "mend the cause, then start it normally on its page"
        return Check(NAME, FAILED, f"it runs in safe mode: {starts.reason}", advice)
    boot = this_start("", "").boot if boot is None else boot
    broken = [one for one in starts.broken if one.boot == boot]
    if not broken:
        return Check(NAME, OK, "it has not broken off since the device was switched on")
    newest = broken[-1]
    detail = (
        f"breakdowns since the device was switched on: {len(broken)}; the last of these starts was "
        f"at {newest.at_utc}" + (f": {newest.why}" if newest.why else "")
    )
    return Check(NAME, WARNING, detail, "make the file for support, which holds the log")
