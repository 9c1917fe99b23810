"""Moves what was unpacked to its place, so that a power cut leaves no half of it in force.

The database goes last: without it there are no records, and the restore is begun again.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from edge.store.files import make_folder, sync_folder
from edge.store.store import DATABASE_FILE

ASIDE = "before-restore"


def move_in(staging: Path, home: Path) -> None:
    """Moves all of `staging` into `home`, both on one disk.

    What is in the way is moved to a folder `before-restore-...`; nothing is deleted but an empty
    database.
    """
    os.sync()  # thousands of files at once, where syncing each would take minutes
    for suffix in ("", "-wal", "-shm"):  # found without records, and held by nobody
        (home / f"{DATABASE_FILE}{suffix}").unlink(missing_ok=True)
    aside = home / f"{ASIDE}-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    for path in sorted(staging.iterdir(), key=lambda path: path.name == DATABASE_FILE):
        target = home / path.name
        if target.is_dir() and not any(target.iterdir()):
            target.rmdir()
        if target.exists():
            make_folder(aside)
            target.replace(aside / path.name)
        if path.name == DATABASE_FILE:
            sync_folder(home)
        path.replace(target)
    sync_folder(home)
