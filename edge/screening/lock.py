"""One process owns the camera and the records: a lock on the data directory.

The lock is the operating system's, so it is gone when its process is, however that ended.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.contract.errors import BusyError

LOCK_FILE = "service.lock"


@contextmanager
def own_device(home: Path) -> Iterator[None]:
    """Holds the data directory for this process.

    Raises:
        BusyError: another process holds it.
    """
    home.mkdir(parents=True, exist_ok=True)
    with (home / LOCK_FILE).open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BusyError(
                f"another ClinicScope is running with the records in {home}; stop it, or set "
                "CLINICSCOPE_HOME to another folder"
            ) from error
        yield
