"""What belongs into a backup: a database that is consistent by itself, and the files it names.

Left out are what a device makes anew (keys of sessions, what was measured of accelerators), and
files that no record names.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sqlalchemy.exc import DBAPIError

from edge.backup.archive import CHUNK_BYTES, Content, content_of, is_allowed
from edge.backup.manifest import FORMAT, MANIFEST, BackupManifest
from edge.config import CONFIG_FILE, SITE_FILE
from edge.contract.errors import StoreError
from edge.store.files import database_errors
from edge.store.store import DATABASE_FILE, Store

LOST = "lost.txt"
SETTINGS = (CONFIG_FILE, SITE_FILE, "protocols/*.toml", "bundles/**/*")
_FILES = (
    "SELECT image_file, image_sha256 FROM fields WHERE image_file IS NOT NULL "
    "ORDER BY specimen_id, field_index",
    "SELECT DISTINCT payload_file, payload_sha256 FROM outbox ORDER BY payload_file",
)
_BUSY_TIMEOUT_S = 30


@dataclass
class Contents:
    """What a backup holds, read as it is iterated over; `lost` is known after that.

    Attributes:
        lost: "name: why" of what records name and the disk no longer has.
        told: is called with how many of the files that records name were looked at.
    """

    store: Store
    snapshot: Path
    manifest: BackupManifest
    lost: list[str] = field(default_factory=list)
    told: Callable[[int], object] = lambda _: None

    def __iter__(self) -> Iterator[Content]:
        yield content_of(MANIFEST, self.manifest.to_bytes())
        yield _large(DATABASE_FILE, self.snapshot)
        for path in _settings(self.store.home):
            name = path.relative_to(self.store.home).as_posix()
            if is_allowed(name):
                yield content_of(name, _read(path))
            else:
                self.lost.append(f"{name}: its name is not one that a backup takes")
        yield from self._named_files()
        if self.lost:
            yield content_of(LOST, ("\n".join(self.lost) + "\n").encode())

    def _named_files(self) -> Iterator[Content]:
        done = 0
        with closing(_open(self.snapshot)) as connection:
            for query in _FILES:
                for name, sha256 in connection.execute(query):
                    data, why = _read_named(self.store.home / name, sha256)
                    if why:
                        self.lost.append(f"{name}: {why}")
                    else:
                        yield content_of(name, data)
                    done += 1
                    self.told(done)


def take_snapshot(store: Store, path: Path) -> BackupManifest:
    """A copy of the database as it is at this instant, while others go on writing.

    Raises:
        StorageFullError: no room for it beside the database.
        StoreError: the database is damaged.
    """
    with database_errors(path):
        try:
            with closing(
                sqlite3.connect(store.path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
            ) as connection:
                connection.execute("VACUUM INTO ?", (str(path),))
            with closing(_open(path)) as copy:
                return _manifest(copy, store.now())
        except sqlite3.Error as error:
            # As SQLAlchemy would say it: one place makes words of SQLite's errors.
            raise DBAPIError("VACUUM INTO", None, error) from error


def _manifest(copy: sqlite3.Connection, now: str) -> BackupManifest:
    problem = _one(copy, "PRAGMA integrity_check(1)")
    if problem != "ok":
        raise StoreError(
            f"the database is damaged ({problem}); run `clinicscope doctor --repair`, or restore "
            "the last backup"
        )
    line = copy.execute("SELECT number, sha256 FROM audit ORDER BY number DESC LIMIT 1").fetchone()
    number, sha256 = line or (0, "")
    return BackupManifest(
        format=FORMAT,
        made_utc=now,
        program=version("clinicscope"),
        schema=_one(copy, "SELECT version_num FROM alembic_version"),
        specimens=_one(copy, "SELECT count(*) FROM specimens"),
        fields=_one(copy, "SELECT count(*) FROM fields"),
        images=_one(copy, "SELECT count(*) FROM fields WHERE image_file IS NOT NULL"),
        audit_number=number,
        audit_sha256=sha256,
    )


def _one(connection: sqlite3.Connection, query: str) -> Any:
    return connection.execute(query).fetchone()[0]


def _open(snapshot: Path) -> sqlite3.Connection:
    # Read by the thread that feeds the encryption; nobody writes to it.
    address = f"{snapshot.absolute().as_uri()}?mode=ro&immutable=1"
    return sqlite3.connect(address, uri=True, check_same_thread=False)


def _large(name: str, path: Path) -> Content:
    def chunks() -> Iterator[bytes]:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk

    return Content(name, path.stat().st_size, chunks)


def _settings(home: Path) -> Iterator[Path]:
    for pattern in SETTINGS:
        yield from sorted(path for path in home.glob(pattern) if path.is_file())


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StoreError(f"{path} cannot be read ({error.strerror}); check the disk") from error


def _read_named(path: Path, sha256: str) -> tuple[bytes, str]:
    """A file and nothing, or nothing and what is wrong with it."""
    try:
        data = path.read_bytes()
    except OSError as error:
        return b"", str(error.strerror)
    if hashlib.sha256(data).hexdigest() != sha256:
        return b"", "damaged"
    return data, ""
