"""Drives that are plugged in: where exports and backups may go without anyone typing a path."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from edge.contract.errors import NotFoundError

# Where systems mount what is plugged in.
ROOTS = (Path("/media"), Path("/mnt"), Path("/run/media"))
MOUNTS = Path("/proc/self/mountinfo")
# Spaces and the like are written as octal numbers (proc(5)).
_ESCAPED = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True)
class Drive:
    """A folder on a drive that is plugged in, or that the config names.

    Attributes:
        same_disk: it lies on the disk of the records, and a failure takes both.
        writable: this program may write there now.
    """

    path: Path
    free_bytes: int
    same_disk: bool
    writable: bool

    @property
    def name(self) -> str:
        """What a person calls it."""
        return self.path.name


def find_drives(
    home: Path,
    named: Iterable[str] = (),
    roots: Iterable[Path] | None = None,
    mounts: Path = MOUNTS,
) -> list[Drive]:
    """What can be written to, by path.

    Args:
        home: of the records.
        named: folders that the config names, which are offered while they are there.
        roots: where drives are mounted; None for ROOTS.
        mounts: the list of what is mounted, as proc(5) has it.
    """
    below = tuple(ROOTS if roots is None else roots)
    plugged = [path for path in _mounted(mounts) if any(map(path.is_relative_to, below))]
    found = {path for path in [*plugged, *map(Path, named)] if path.is_dir()}
    drives = []
    for path in sorted(found):
        with suppress(OSError):  # pulled out since
            drives.append(_drive(home, path))
    return drives


def choose_drive(drives: Iterable[Drive], chosen: str) -> Path:
    """The folder that was chosen of a list. Raises NotFoundError where it is not on it."""
    for drive in drives:
        if str(drive.path) == chosen:
            return drive.path
    raise NotFoundError(
        f"there is no drive {chosen[:80]!r} (any more); put the stick in, wait a moment and try "
        "again"
    )


def _drive(home: Path, path: Path) -> Drive:
    return Drive(
        path,
        shutil.disk_usage(path).free,
        path.stat().st_dev == home.stat().st_dev,
        os.access(path, os.W_OK),
    )


def _mounted(mounts: Path) -> Iterator[Path]:
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return  # A system that has no such list.
    for line in lines:
        parts = line.split(" ")
        if len(parts) > 4:
            yield Path(_ESCAPED.sub(lambda found: chr(int(found[1], 8)), parts[4]))
