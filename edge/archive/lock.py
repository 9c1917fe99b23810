"""One run at a time on an --out: two would each drop what the other adds.

In a folder the lock is the operating system's and goes with the process. A store behind a URL has
none: there a file is renewed while the run goes on, and one that is no longer renewed counts for
nothing. Two runs that begin within the same second can both pass; parts cannot be harmed by that.
"""

from __future__ import annotations

import fcntl
import json
import os
import platform
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from edge.archive.places import Place
from edge.contract.errors import BusyError, StoreError
from edge.store.files import disk_errors, make_folder

LOCK_FILE = "run.lock"
RENEW_S = 20.0
STALE_S = 120.0


@contextmanager
def own_output(place: Place) -> Iterator[None]:
    """Holds a place for this run.

    Raises:
        BusyError: another run holds it.
        StoreError: it cannot be written.
    """
    held = _own_folder(place.local) if place.local else _own_url(place)
    with held:
        yield


@contextmanager
def _own_folder(folder: Path) -> Iterator[None]:
    with disk_errors(folder, 0):
        make_folder(folder)
        file = (folder / LOCK_FILE).open("ab")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BusyError(
                f"another run writes to {folder}; wait until it ends, or give another --out"
            ) from error
        yield


@contextmanager
def _own_url(place: Place) -> Iterator[None]:
    owner = {"host": platform.node(), "pid": os.getpid(), "run": secrets.token_hex(8)}
    _refuse_if_held(place)
    _renew(place, owner)
    ended = threading.Event()
    renewing = threading.Thread(target=_keep, args=(place, owner, ended), daemon=True)
    renewing.start()
    try:
        yield
    finally:
        ended.set()
        renewing.join()
        with suppress(OSError):
            place.remove(LOCK_FILE)


def _refuse_if_held(place: Place) -> None:
    try:
        held = json.loads(place.read(LOCK_FILE))
        age_s = time.time() - float(held["renewed_unix_s"])
        owner = f"process {held['pid']} on {held['host']}"
    except (OSError, ValueError, KeyError, TypeError):
        return
    if age_s < STALE_S:
        raise BusyError(
            f"{owner} writes to {place.url} (it said so {max(age_s, 0):.0f} s ago); wait until it "
            f"ends, or {STALE_S:.0f} s after it was killed, or give another --out"
        )


def _renew(place: Place, owner: dict[str, object]) -> None:
    place.write(LOCK_FILE, json.dumps(owner | {"renewed_unix_s": time.time()}).encode())


def _keep(place: Place, owner: dict[str, object], ended: threading.Event) -> None:
    while not ended.wait(RENEW_S):
        # A store that is away for a moment is tried again; the work itself says when it is gone.
        with suppress(StoreError):
            _renew(place, owner)
