"""Where the service lays an update of the program for root, and how root takes it.

The service cannot write where the program lies. It checks the update, puts it here, and root's unit
begins; root copies it to where the service cannot reach, and checks all of it again.
"""

from __future__ import annotations

import os
import secrets
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from edge.contract.errors import UpdateError
from edge.store.files import disk_errors, make_folder, sync_folder
from edge.updates.as_owner import Owner
from edge.updates.kept_records import UPDATES_DIR
from edge.updates.signature import Envelope
from edge.updates.source import UpdateSource

INCOMING_DIR, SUFFIX = "incoming", ".zip"
# A program with all it needs is 250 MB; a Jetson's more.
MOST_BYTES = 2 * 1024**3
_STAGING = ".incoming-"


def incoming_folder(home: Path) -> Path:
    """The folder that root's unit watches."""
    return home / UPDATES_DIR / INCOMING_DIR


def lay_for_root(source: UpdateSource, envelope: Envelope, home: Path) -> Path:
    """Lays a checked update of the program where root takes it; all of it appears at once.

    Args:
        source: the update; its signature was checked.
        envelope: what it says of itself.
        home: the data directory.

    Raises:
        StorageFullError: no room.
        StoreError: it cannot be written.
    """
    folder = incoming_folder(home)
    target = folder / f"{envelope.name}-{envelope.version}{SUFFIX}"
    temp = folder.parent / f".{target.name}.{secrets.token_hex(4)}.tmp"
    with disk_errors(target, sum(source.sizes.values())):
        make_folder(folder)
        try:
            _write_zip(source, temp)
            temp.replace(target)
        finally:
            with suppress(OSError):
                temp.unlink(missing_ok=True)
        sync_folder(folder)
    return target


def waiting(home: Path) -> list[Path]:
    """What root has not taken yet, by name."""
    folder = incoming_folder(home)
    return sorted(folder.glob(f"*{SUFFIX}")) if folder.is_dir() else []


@contextmanager
def taken(path: Path, root: Path, owner: Owner) -> Iterator[Path]:
    """A copy of an update that root alone can write, and a folder beside to unpack it into.

    Raises:
        UpdateError: it cannot be read, or is too large.
        StorageFullError: no room.
    """
    for left in root.glob(f"{_STAGING}*"):
        shutil.rmtree(left, ignore_errors=True)
    staging = root / f"{_STAGING}{secrets.token_hex(4)}"
    with disk_errors(staging, 0):
        make_folder(root)
        staging.mkdir(mode=0o700)
    try:
        copy = staging / f"update{SUFFIX}"
        if path.suffix != SUFFIX:
            raise UpdateError(f"{path} is no update of the program; expected a {SUFFIX}")
        owner.copy_out(path, copy, MOST_BYTES)
        yield copy
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _write_zip(source: UpdateSource, path: Path) -> None:
    """Stored, not compressed: wheels are compressed already."""
    with zipfile.ZipFile(path, "x") as archive:
        for name in sorted(source.sizes):
            with archive.open(name, "w", force_zip64=True) as file:
                for chunk in source.chunks(name):
                    file.write(chunk)
    with path.open("rb") as done:
        os.fsync(done.fileno())
