"""Runs a command under the filter of system calls of a unit, as systemd would: UNIT COMMAND...

No memory may be both written and run, either. For the system's Python, with python3-seccomp.
"""

from __future__ import annotations

import ctypes
import errno
import os
import subprocess
import sys
from pathlib import Path

import seccomp

# Linux, <linux/prctl.h>; what MemoryDenyWriteExecute asks of newer kernels.
PR_SET_MDWE, REFUSE_EXEC_GAIN = 65, 1


def calls_of(word: str) -> set[str]:
    """System calls of a word of SystemCallFilter: a call's name, or @group with groups in it."""
    if not word.startswith("@"):
        return {word}
    told = subprocess.run(
        ["systemd-analyze", "syscall-filter", word], check=True, capture_output=True, text=True
    ).stdout
    words = (line.strip() for line in told.splitlines()[1:])
    return {call for line in words if line and not line.startswith("#") for call in calls_of(line)}


def allowed(unit: Path) -> set[str]:
    """What the unit's lines leave, one after the other (systemd.exec(5))."""
    found: set[str] = set()
    for line in unit.read_text().splitlines():
        if line.startswith("SystemCallFilter="):
            words = line.removeprefix("SystemCallFilter=").removeprefix("~").split()
            calls = {call for word in words for call in calls_of(word)}
            found = found - calls if line.startswith("SystemCallFilter=~") else found | calls
    return found


def main(unit: str, command: list[str]) -> None:
    calls = allowed(Path(unit))
    rules = seccomp.SyscallFilter(seccomp.ERRNO(errno.EPERM))
    for call in calls:
        try:
            rules.add_rule(seccomp.ALLOW, call)
        except (RuntimeError, ValueError):
            continue  # of another architecture
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_MDWE, REFUSE_EXEC_GAIN, 0, 0, 0):
        sys.exit(f"this kernel keeps no memory from being run: {os.strerror(ctypes.get_errno())}")
    rules.load()
    os.execv(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
