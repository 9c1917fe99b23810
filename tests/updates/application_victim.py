"""The program that is killed: an update of the program, found good, or taken back.

python -m tests.updates.application_victim KIND OPT HOME UPDATE KEY
"""

from __future__ import annotations

import sys
from pathlib import Path

from edge.updates.apply import apply_update
from edge.updates.go_back import go_back
from edge.updates.keys import read_public
from edge.updates.watch import find_good
from tests.support.tiny_application import make_device


def main() -> None:
    """One step; a line says that it is ready to be killed."""
    kind, opt, home, update, key = sys.argv[1:]
    device = make_device(Path(opt), Path(home), read_public(Path(key)))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    if kind == "apply":
        apply_update(device, Path(update))
    elif kind == "good":
        find_good(device.versions, device.owner)
    else:
        go_back(device.versions, device.owner, "tried")


if __name__ == "__main__":
    main()
