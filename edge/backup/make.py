"""Makes a backup, and calls it done only after it was read back from the disk, byte for byte."""

from __future__ import annotations

import fcntl
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import select

from edge.backup.contents import Contents, take_snapshot
from edge.backup.written import write_and_read_back
from edge.contract.errors import BusyError, ConfigError
from edge.interop.age import check_recipients
from edge.store.audit import Audit
from edge.store.files import TEMP_SUFFIX, disk_errors, sync_folder
from edge.store.records import DEVICE
from edge.store.schema import FieldRow
from edge.store.store import Store

PLAIN_SUFFIX, AGE_SUFFIX = ".tar", ".tar.age"
LOCK_FILE = "backup.lock"
# What a power cut leaves of it, the next start deletes, as every file called so.
_SNAPSHOT = f".backup.db{TEMP_SUFFIX}"
_TRIES = 3
# Its steps, each of which is told with how much of it is done.
COPYING, WRITING, READING = "copying", "writing", "reading"
Told = Callable[[str, int, int], object]
# The subject of its line in the log.
SUBJECT = "backup"


def _nothing(*_: object) -> None:
    pass


@dataclass(frozen=True)
class BackupReport:
    """A backup that is on the disk and was read back.

    Attributes:
        sha256: of the file.
        lost: "name: why" of what records name and the disk no longer had; not in the backup.
        same_disk: it lies on the disk of the records, and a failure takes both.
        audit_head: "number:sha256" of the log's newest line in it; written down, it proves the log.
    """

    path: Path
    sha256: str
    size_bytes: int
    encrypted: bool
    specimens: int
    fields: int
    images: int
    lost: tuple[str, ...]
    same_disk: bool
    audit_head: str


def make_backup(
    store: Store,
    target: Path,
    recipients: Sequence[str] = (),
    *,
    plain: bool = False,
    by: str = DEVICE,
    told: Told = _nothing,
) -> BackupReport:
    """Writes a backup while the device goes on screening.

    Args:
        store: of what.
        target: an existing folder, where it gets a name of its own, or a file, which it replaces.
        recipients: public keys of age (age1...), each of which opens it.
        plain: without encryption, where there is no recipient.
        by: who asked for it, for the log.
        told: is called with the step, how much of it is done, and of how much.

    Raises:
        ConfigError: neither recipient nor `plain`, a key is none, or the target is no place.
        BusyError: another backup is being made.
        StorageFullError: no room; nothing is left behind.
        StoreError: it cannot be written, or read back as it was written; nothing is left behind.
    """
    path = _path(store, target, encrypted=not plain)
    report = write_backup(store, path, recipients, plain=plain, told=told)
    log_backup(store, report, by)
    return report


def write_backup(
    store: Store,
    path: Path,
    recipients: Sequence[str] = (),
    *,
    plain: bool = False,
    told: Told = _nothing,
) -> BackupReport:
    """The same into a file that is still to be brought elsewhere; the log tells of none yet.

    Raises as `make_backup`.
    """
    if plain == bool(recipients):
        raise ConfigError(
            "a backup goes to a recipient's key (age1...), or unencrypted where that is asked "
            "for; give one of both"
        )
    keys = check_recipients(recipients)
    with disk_errors(path, 0), _alone(store) as snapshot:
        return _try(store, path, snapshot, keys, told)


def log_backup(store: Store, report: BackupReport, by: str) -> None:
    """The line of the log by which these records count as backed up."""
    line = {
        "file": report.path.name,
        "sha256": report.sha256,
        "bytes": report.size_bytes,
        "encrypted": report.encrypted,
        "lost": len(report.lost),
        "head": report.audit_head,
    }
    Audit(store).write(by, "backup.made", SUBJECT, line)


def backup_name(store: Store, *, encrypted: bool) -> str:
    """What a backup that is made now is called."""
    moment = datetime.fromisoformat(store.now()).astimezone(UTC)
    return f"clinicscope-{moment:%Y%m%d-%H%M%S}{AGE_SUFFIX if encrypted else PLAIN_SUFFIX}"


def _path(store: Store, target: Path, *, encrypted: bool) -> Path:
    if target.is_dir():
        target /= backup_name(store, encrypted=encrypted)
    elif not target.parent.is_dir():
        raise ConfigError(f"there is no folder {target.parent}; is the drive plugged in?")
    path = target.resolve()
    if path.is_relative_to(store.home.resolve()):
        raise ConfigError(
            f"{path} lies in the data directory, and would be lost with it; choose another drive"
        )
    return path


@contextmanager
def _alone(store: Store) -> Iterator[Path]:
    """One backup at a time; gives where the copy of the database goes, and removes it after."""
    snapshot = store.home / _SNAPSHOT
    with (store.home / LOCK_FILE).open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BusyError("another backup is being made; wait until it is done") from error
        try:
            snapshot.unlink(missing_ok=True)
            yield snapshot
        finally:
            with suppress(OSError):
                snapshot.unlink(missing_ok=True)


def _try(store: Store, path: Path, snapshot: Path, keys: list[Any], told: Told) -> BackupReport:
    """Again with a newer copy of the database, where images were replaced meanwhile."""
    for left in range(_TRIES - 1, -1, -1):
        snapshot.unlink(missing_ok=True)
        told(COPYING, 0, 1)
        manifest = take_snapshot(store, snapshot)
        contents = Contents(store, snapshot, manifest, told=_part(told, WRITING, manifest.images))
        temp = path.with_name(f".{path.name}.{secrets.token_hex(4)}{TEMP_SUFFIX}")
        try:
            sha256 = write_and_read_back(contents, temp, keys, partial(told, READING))
            if left and any(_is_outdated(store, lost) for lost in contents.lost):
                continue
            temp.replace(path)
            sync_folder(path.parent)
        finally:
            with suppress(OSError):
                temp.unlink(missing_ok=True)
        break
    return _report(store, contents, path, sha256, encrypted=bool(keys))


def _part(told: Told, step: str, of: int) -> Callable[[int], object]:
    """Tells a step; payloads of the queue, which come last, are not among what it is of."""
    return lambda done: told(step, min(done, of), of)


def _is_outdated(store: Store, lost: str) -> bool:
    """Whether no record names the file any more."""
    name = lost.partition(": ")[0]
    with store.session() as session:
        found = session.scalars(select(FieldRow.field_index).where(FieldRow.image_file == name))
        return name.startswith("fields/") and found.first() is None


def _report(
    store: Store, contents: Contents, path: Path, sha256: str, *, encrypted: bool
) -> BackupReport:
    manifest = contents.manifest
    head = f"{manifest.audit_number}:{manifest.audit_sha256}" if manifest.audit_number else ""
    return BackupReport(
        path=path,
        sha256=sha256,
        size_bytes=path.stat().st_size,
        encrypted=encrypted,
        specimens=manifest.specimens,
        fields=manifest.fields,
        images=manifest.images,
        lost=tuple(contents.lost),
        same_disk=path.stat().st_dev == store.home.stat().st_dev,
        audit_head=head,
    )
