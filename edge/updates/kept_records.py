"""The records before and after an update of the program: kept aside, tried, brought back.

Migrations go forward only. So a copy is made before a new version first opens the records, and a
version that is taken back gets that copy where it could not read what the new one made of them.
What was recorded in between is kept in a file beside; nothing is deleted. All of this runs as the
user whom the records belong to, never as root.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from edge.contract.errors import StoreError
from edge.store.files import disk_errors, make_folder, sync_folder

UPDATES_DIR = "updates"
# As edge.store has them; that room takes half a second to open, and root asks while a clinic works.
_DATABASE, _RUNNING = "records.db", "running"
_BEFORE, _TRYING = "records-before-{}.db", ".trying-"
_BESIDE = ("-wal", "-shm")
_BUSY_TIMEOUT_S = 30


def keep_records(home: Path, program: str) -> str:
    """Copies the database as it is before `program` opens it; gives the copy's file name.

    Empty where there are no records yet.

    Raises:
        StorageFullError: no room.
        StoreError: they cannot be read, or the copy is not sound.
    """
    if not (home / _DATABASE).is_file():
        return ""
    target = home / UPDATES_DIR / _BEFORE.format(program)
    _copy_database(home / _DATABASE, target)
    return target.name


def forget_records(home: Path, name: str) -> None:
    """Removes a copy that is no longer needed."""
    if name:
        (home / UPDATES_DIR / Path(name).name).unlink(missing_ok=True)


def try_migration(home: Path) -> str:
    """Lets this version migrate a copy of the records; says what came of it.

    Raises:
        StoreError: it cannot, or what it makes is not sound. The records are untouched.
    """
    from edge.store.migrate import open_database

    if not (home / _DATABASE).is_file():
        return "no records yet"
    folder = home / UPDATES_DIR / f"{_TRYING}{secrets.token_hex(4)}"
    try:
        make_folder(folder)
        copy = folder / _DATABASE
        _copy_database(home / _DATABASE, copy)
        before = revision_of(copy)
        open_database(copy).dispose()
        _check_sound(copy)
        after = revision_of(copy)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return f"records of schema {before} become {after}" if before != after else f"schema {after}"


def records_back(home: Path, name: str) -> str:
    """Gives this version the records that it can read; says what was done.

    Args:
        home: the data directory; no other process has the records open.
        name: of the copy made before the update; empty where there was none.

    Raises:
        StoreError: it can read neither the records nor a copy.
    """
    from edge.store.migrate import known_revisions

    path = home / _DATABASE
    found = revision_of(path) if path.is_file() else None
    if found is None or found in known_revisions():
        return "the records are as this version reads them"
    copy = home / UPDATES_DIR / Path(name).name
    if not name or not copy.is_file():
        raise StoreError(
            f"the records have schema {found}, which this version cannot read, and no copy from "
            "before is there; install the newer version again, or restore a backup"
        )
    _check_sound(copy)
    aside = home / f"records-of-{found}-{datetime.now(UTC):%Y%m%d-%H%M%S}.db"
    with disk_errors(path, copy.stat().st_size):
        _fold_log(path)
        os.link(path, aside)
        temp = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
        shutil.copyfile(copy, temp)
        _sync(temp)
        temp.replace(path)
        sync_folder(home)
    return f"the records of before the update are back; those of the trial are in {aside.name}"


def is_screening(home: Path) -> bool:
    """Whether a specimen is being screened, so that now is no moment for an update."""
    path = home / _DATABASE
    if not path.is_file():
        return False
    with _reading(path) as connection:
        query = "SELECT count(*) FROM specimens WHERE status = ?"
        return bool(connection.execute(query, (_RUNNING,)).fetchone()[0])


def revision_of(path: Path) -> str | None:
    """The newest migration that a database has seen; None where it is empty. Raises StoreError."""
    with _reading(path) as connection:
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if not tables:
            return None
        return str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])


def _copy_database(path: Path, target: Path) -> None:
    temp = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    with disk_errors(target, path.stat().st_size):
        make_folder(target.parent)
        try:
            with _reading(path) as connection:
                connection.execute("VACUUM INTO ?", (str(temp),))
            _check_sound(temp)
            _sync(temp)
            temp.replace(target)
        finally:
            with suppress(OSError):
                temp.unlink(missing_ok=True)
        sync_folder(target.parent)


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    try:
        with closing(
            sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
        ) as connection:
            yield connection
    except sqlite3.Error as error:
        raise StoreError(
            f"{path}: {error}; run `clinicscope doctor`, or free some space, then try again"
        ) from error


def _check_sound(path: Path) -> None:
    with _reading(path) as connection:
        found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if found != "ok":
        raise StoreError(f"{path} is damaged ({found}); run `clinicscope doctor --repair`")


def _fold_log(path: Path) -> None:
    """All of a database in its one file: a log left beside would be played into the next."""
    with _reading(path) as connection:
        busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    if busy:
        raise StoreError(f"another program has {path} open; stop it, then try again")
    for suffix in _BESIDE:
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
