"""Brings a backup back onto a device that has no records yet: all of it or nothing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy import func, select

from edge.backup.archive import DamagedBackupError, Source, read_archive
from edge.backup.contents import LOST
from edge.backup.keys import decrypted, is_encrypted, read_identities
from edge.backup.manifest import MANIFEST, BackupManifest, parse_manifest
from edge.backup.place import move_in
from edge.contract.errors import ConfigError, ConflictError, StorageFullError, StoreError
from edge.screening.lock import own_device
from edge.store import queries
from edge.store.audit import Audit
from edge.store.clinic_schema import AuditRow, PatientRow, WorklistRow
from edge.store.field_images import stored_images
from edge.store.files import disk_errors
from edge.store.records import DEVICE
from edge.store.schema import SpecimenRow
from edge.store.store import DATABASE_FILE, Store

STAGING = ".restoring"


@dataclass(frozen=True)
class RestoreReport:
    """What was restored.

    Attributes:
        lost: what the backup itself did not hold ("name: why").
        problems: of the log, as they were when the backup was made.
    """

    home: Path
    manifest: BackupManifest
    lost: tuple[str, ...]
    problems: tuple[str, ...]


def restore_backup(
    file: Path, home: Path, identity: Path | None = None, *, by: str = DEVICE
) -> RestoreReport:
    """Restores a backup; what it holds is proved before any of it takes its place.

    Args:
        file: the backup.
        home: the data directory, made where it is missing; without any records.
        identity: the file with the secret key, where the backup is encrypted.
        by: who asked for it, for the log.

    Raises:
        ConflictError: the folder holds records; they are untouched.
        BusyError: the appliance runs there.
        ConfigError: the key is missing or does not open it.
        DamagedBackupError: it was altered or cut off, or a newer version made it.
        StorageFullError: no room.
        StoreError: it cannot be read or written. Nothing is half restored in any of these cases.
    """
    with disk_errors(home, 0):
        home.mkdir(parents=True, exist_ok=True)
        with own_device(home):
            _refuse_records(home)
            _refuse_full(file, home)
            staging = home / STAGING
            shutil.rmtree(staging, ignore_errors=True)
            try:
                report = _unpack(file, staging, home, identity, by)
                move_in(staging, home)
            finally:
                shutil.rmtree(staging, ignore_errors=True)
    return report


def _refuse_records(home: Path) -> None:
    if not (home / DATABASE_FILE).is_file():
        return
    with closing(Store(home)) as store, store.session() as session:
        for kind in (SpecimenRow, PatientRow, WorklistRow, AuditRow):
            if session.scalar(select(func.count()).select_from(kind)):
                raise ConflictError(
                    f"{home} holds records already (table {kind.__tablename__}); restore into a "
                    "new folder with --to, or move these away first"
                )


def _refuse_full(file: Path, home: Path) -> None:
    need, free = file.stat().st_size, shutil.disk_usage(home).free
    if need > free:
        raise StorageFullError(
            f"no room in {home}: the backup holds {need:,} bytes, {free:,} bytes are free; free "
            "some space, or restore to another disk with --to"
        )


def _unpack(file: Path, staging: Path, home: Path, identity: Path | None, by: str) -> RestoreReport:
    staging.mkdir()
    with _plain(file, identity) as stream:
        read_archive(stream, _Staged(staging).open)
    if not (staging / MANIFEST).is_file() or not (staging / DATABASE_FILE).is_file():
        raise DamagedBackupError("this is no backup: its records are missing; use another file")
    manifest = parse_manifest((staging / MANIFEST).read_bytes())
    lost = _lost(staging)
    with closing(Store(staging)) as store:
        _prove(store, lost)
        problems = Audit(store).verify()
        head = f"{manifest.audit_number}:{manifest.audit_sha256}"
        told = {"file": file.name, "made_utc": manifest.made_utc, "head": head}
        Audit(store).write(by, "backup.restored", "restore", told)
    for name in (MANIFEST, LOST):
        (staging / name).unlink(missing_ok=True)
    return RestoreReport(home, manifest, tuple(lost), tuple(problems))


@contextmanager
def _plain(file: Path, identity: Path | None) -> Iterator[Source]:
    encrypted = is_encrypted(file)
    if encrypted and identity is None:
        raise ConfigError(
            f"{file} is encrypted; give the file with its secret key (--identity FILE)"
        )
    keys: Sequence[Any] = read_identities(identity) if encrypted and identity else ()
    with file.open("rb") as source:
        if not encrypted:
            yield source
            return
        with decrypted(source, keys) as plain:
            yield plain


class _Staged:
    """Members as files below a folder; the first one must say what this is."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._opened = 0

    def open(self, name: str) -> BinaryIO:
        if self._opened == 0 and name != MANIFEST:
            raise DamagedBackupError(f"this is no backup: it begins with {name!r}")
        if self._opened == 1:
            # Before the rest is unpacked: a newer version's may be something else entirely.
            parse_manifest((self._folder / MANIFEST).read_bytes())
        self._opened += 1
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return path.open("xb")
        except FileExistsError as error:
            raise DamagedBackupError(f"the backup was altered: it holds {name!r} twice") from error


def _lost(staging: Path) -> list[str]:
    path = staging / LOST
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []


def _prove(store: Store, lost: list[str]) -> None:
    """Every image is there as it was stored, read back from the disk; so is the database.

    Raises:
        StoreError: the disk did not keep what was written.
    """
    known = {line.partition(": ")[0] for line in lost}
    with store.session() as session:
        problems = [
            problem
            for image in stored_images(session)
            if image.file not in known and (problem := image.problem(store.home, deep=True))
        ]
        problems += queries.database_problems(session.connection())
    if problems:
        raise StoreError(
            f"what was restored is not sound ({problems[0]}); nothing was restored: check the "
            "disk, then use this backup or another one again"
        )
