"""The disk with the records: that it can be written, and that there is room."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from edge.contract.errors import ClinicScopeError
from edge.health.check import FAILED, OK, WARNING, Check
from edge.store.files import write_durably

# A 12-megapixel field as JPEG is 4 MB and a specimen has about 40 of them.
LOW_DISK_BYTES = 2 * 1024**3
FULL_DISK_BYTES = 256 * 1024**2
# Each field and each log is a file; a card can have room and no more names.
LOW_FILES, NO_FILES = 20_000, 1_000


def check_home(home: Path) -> Check:
    """The data directory can be written."""
    probe = home / ".probe"
    try:
        home.mkdir(parents=True, exist_ok=True)
        write_durably(probe, b"clinicscope")
        probe.unlink()
    except (OSError, ClinicScopeError) as error:
        return Check("data directory", FAILED, f"{home}: {error}", "set CLINICSCOPE_HOME elsewhere")
    return Check("data directory", OK, str(home))


def check_disk(
    home: Path,
    free_bytes: Callable[[Path], int] | None = None,
    free_files: Callable[[Path], int | None] | None = None,
) -> Check:
    """Room for records, in bytes and in files."""
    free, files = (free_bytes or _free_bytes)(home), (free_files or _free_files)(home)
    detail = f"{free / 1024**3:.1f} GB free in {home}"
    if files is not None and files < LOW_FILES:
        detail = f"{detail}; room for {files:,} files"
    if free < FULL_DISK_BYTES or (files is not None and files < NO_FILES):
        return Check("disk", FAILED, detail, "export and delete old specimens before screening")
    if free < LOW_DISK_BYTES or (files is not None and files < LOW_FILES):
        return Check("disk", WARNING, detail, "export and delete old specimens soon")
    return Check("disk", OK, detail)


def _free_bytes(home: Path) -> int:
    return shutil.disk_usage(home).free


def _free_files(home: Path) -> int | None:
    """None where the file system makes names as they are needed (btrfs, FAT)."""
    found = os.statvfs(home)
    return found.f_favail if found.f_files else None
