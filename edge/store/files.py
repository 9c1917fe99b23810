"""What reaches the disk, and what its refusals are called.

Owns durable writing of single files, and the one place where a failure of the disk or of SQLite
becomes a `StoreError`. Knows nothing of specimens.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from edge.contract.errors import StorageFullError, StoreError

TEMP_SUFFIX = ".tmp"
# What SQLite keeps beside a database that is being written, a copy for a backup among them.
_BESIDE_DATABASE = ("-journal", "-wal", "-shm")
# A quota (EDQUOT) and a file size limit (EFBIG) leave the caller where a full disk does.
_FULL_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
# SHMSIZE: the index of the write-ahead log cannot be made, for want of 32 KiB.
_FULL_CODES = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE})
_ADVICE = {
    sqlite3.SQLITE_BUSY: "another program holds it; close that program and try again",
    sqlite3.SQLITE_CORRUPT: "it is damaged; restore the last backup",
    sqlite3.SQLITE_NOTADB: "it is not a database; move it away or restore the last backup",
    sqlite3.SQLITE_CANTOPEN: "check that the folder exists and may be written",
    sqlite3.SQLITE_READONLY: "it is read-only; check the owner of the file and of its folder",
    sqlite3.SQLITE_IOERR: "the disk fails; check the card or drive, then restore the last backup",
}


def write_durably(path: Path, data: bytes, *, private: bool = False) -> None:
    """Writes a whole file that survives a power cut: after this returns it is on the disk.

    At every instant `path` is absent, its old self, or complete. Missing folders are made. A link,
    a pipe or a device (/dev/stdout) is written to as it is: a file must not take its place. What is
    `private` is its owner's alone to read, from its first byte on.

    Raises:
        StorageFullError: no room; what was there before is untouched.
        StoreError: the folder or file cannot be written.
    """
    temp = path.with_name(f".{path.name}.{secrets.token_hex(4)}{TEMP_SUFFIX}")
    with disk_errors(path, len(data)):
        if path.is_symlink() or (path.exists() and not path.is_file()):
            path.write_bytes(data)
            return
        make_folder(path.parent)
        try:
            _write_synced(temp, data, 0o600 if private else 0o666)
            temp.replace(path)
        except BaseException:
            # An interrupt, too, must not leave its half-written file on a small card.
            with suppress(OSError):
                temp.unlink()
            raise
        sync_folder(path.parent)


def _write_synced(path: Path, data: bytes, mode: int) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def make_folder(folder: Path) -> None:
    """Makes a folder and those above it, each one's name synced to the disk."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Syncs the names in a folder; a renamed file is only then safe."""
    if os.name == "nt":  # Windows opens no folders, and NTFS journals names by itself.
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove_temp_files(folder: Path) -> int:
    """Deletes what `write_durably`, or SQLite beside such a file, left in a folder when it was cut
    off; returns how many.
    """
    found = [
        path
        for beside in ("", *_BESIDE_DATABASE)
        for path in folder.glob(f".*{TEMP_SUFFIX}{beside}")
        if path.is_file()
    ]
    for path in found:
        path.unlink(missing_ok=True)
    return len(found)


@contextmanager
def disk_errors(path: Path, size_bytes: int) -> Iterator[None]:
    """Turns an OSError met while writing `size_bytes` to `path` into a StoreError."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL_ERRNOS:
            need = f"{size_bytes:,} bytes are needed" if size_bytes else "it was not written whole"
            raise _full(path, need) from error
        raise StoreError(
            f"{path} cannot be written ({error.strerror}); check that its folder may be written"
        ) from error


@contextmanager
def database_errors(path: Path) -> Iterator[None]:
    """Turns every error of the database at `path` into a StoreError that says what to do."""
    # Who writes files alone need not wait for SQLAlchemy.
    from sqlalchemy.exc import DBAPIError, StatementError

    try:
        yield
    except DBAPIError as error:
        code = getattr(error.orig, "sqlite_errorcode", 0)
        if code in _FULL_CODES:
            raise _full(path, "the record was not written") from error
        advice = _ADVICE.get(code & 0xFF, "run `clinicscope doctor`")
        raise StoreError(f"{path}: {error.orig}; {advice}") from error
    except StatementError as error:
        raise StoreError(f"{path}: a value cannot be stored ({error.orig})") from error


def _full(path: Path, need: str) -> StorageFullError:
    free = ""
    with suppress(OSError):
        existing = next(folder for folder in path.parents if folder.exists())
        free = f", {shutil.disk_usage(existing).free:,} bytes are free"
    return StorageFullError(
        f"no room for {path}: {need}{free}; free some space and try again. "
        "What was stored before is untouched"
    )
