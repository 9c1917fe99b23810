"""The program that is killed: an update of the program, put in force, found good, or taken back.

    python -m tests.updates.application_victim KIND OPT HOME WHAT KEY [STEP]

WHAT is the update, or for "switch" the version that was made already. With STEP it kills itself
before its n-th change of a file, folder or name.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from edge.updates.apply import apply_update, put_in_force
from edge.updates.go_back import go_back
from edge.updates.keys import read_public
from edge.updates.watch import find_good
from tests.support.tiny_application import make_device

_CHANGES = (
    "os.rename",
    "os.remove",
    "os.mkdir",
    "os.rmdir",
    "os.symlink",
    "os.link",
    "subprocess.Popen",  # what it starts changes something, too
)


class Death:
    """Ends this process before its n-th change."""

    def __init__(self, step: int) -> None:
        self._left = step

    def __call__(self, event: str, values: tuple[Any, ...]) -> None:
        writes = event == "open" and bool(values[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
        if writes or event in _CHANGES:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """One step; a line says that it is ready to be killed."""
    kind, opt, home, what, key, *step = sys.argv[1:]
    device = make_device(Path(opt), Path(home), read_public(Path(key)))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    if step:
        sys.addaudithook(Death(int(step[0])))
    if kind == "apply":
        apply_update(device, Path(what))
    elif kind == "switch":
        put_in_force(device, device.versions.version_at(device.versions.path_of(what)))
    elif kind == "good":
        find_good(device.versions, device.owner)
    else:
        go_back(device.versions, device.owner, "tried")


if __name__ == "__main__":
    main()
