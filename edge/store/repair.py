"""Mends what a failing disk or a power cut left, and tells what it did. Nothing is made up.

An image that nobody misses is moved aside, never deleted: where the database is the older of the
two, the images are all that there is.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select

from edge.contract.errors import StoreError
from edge.store import queries
from edge.store.audit import write_entry
from edge.store.clinic_schema import OutboxRow
from edge.store.field_images import FIELDS_FOLDER, StoredImage, stored_images
from edge.store.files import TEMP_SUFFIX, database_errors, disk_errors, make_folder, sync_folder
from edge.store.interrupted import recover
from edge.store.outbox import OUTBOX_FOLDER
from edge.store.records import DEVICE
from edge.store.schema import FieldRow

if TYPE_CHECKING:
    from edge.store.store import Store

ASIDE_FOLDER = "orphans"


def repair(store: Store, *, deep: bool = False) -> list[str]:
    """Repairs a store that nothing else uses meanwhile.

    Takes the write-ahead log into the database, builds broken indexes anew, closes interrupted
    specimens, moves files aside that no record names, and marks images that are missing.

    Args:
        store: whose folder is held by `own_device`.
        deep: also read every image, and take one that is not what was stored for missing.

    Returns:
        what was done, in words; empty where nothing had to be.

    Raises:
        StoreError: the database is damaged beyond its indexes; only a backup helps.
    """
    done = [*_mend_database(store)]
    count = recover(store)
    if count:
        done.append(f"closed {count} interrupted specimens; none of them is negative")
    done += _mark_missing(store, deep=deep)
    done += _move_orphans(store)
    if done:
        with store.session(writes=True) as session:
            write_entry(session, store.now(), DEVICE, "store.repaired", "doctor", {"done": done})
        _take_in_log(store)
    return done


def _mend_database(store: Store) -> list[str]:
    done = []
    log = store.path.with_name(store.path.name + "-wal")
    size = log.stat().st_size if log.is_file() else 0
    if _take_in_log(store) and size:
        done.append(f"took {size:,} bytes of the write-ahead log into the database")
    if _problems(store):
        _execute(store, "REINDEX")
        left = _problems(store)
        if left:
            raise StoreError(
                f"{store.path} is damaged beyond its indexes ({left[0]}); restore a backup"
            )
        done.append("built the indexes of the database anew")
    return done


def _take_in_log(store: Store) -> bool:
    """The database file is then whole without its log; False while someone reads it."""
    busy, _, _ = _execute(store, "PRAGMA wal_checkpoint(TRUNCATE)")
    return not busy


def _execute(store: Store, statement: str) -> tuple[int, ...]:
    # Outside any transaction, which both statements demand.
    with (
        database_errors(store.path),
        closing(store.engine.raw_connection()) as connection,
        closing(connection.cursor()) as cursor,
    ):
        return tuple(cursor.execute(statement).fetchone() or ())


def _problems(store: Store) -> list[str]:
    with store.session() as session:
        return queries.database_problems(session.connection())


def _mark_missing(store: Store, *, deep: bool) -> list[str]:
    """Fields whose image is gone say so; their counts stay."""
    with store.session() as session:
        lost = [
            (image, problem)
            for image in stored_images(session)
            if (problem := image.problem(store.home, deep=deep))
        ]
    return [_mark(store, image, problem) for image, problem in lost]


def _mark(store: Store, image: StoredImage, problem: str) -> str:
    why = "damaged" if (store.home / image.file).is_file() else "missing"
    with store.session(writes=True) as session:
        row = queries.find_field(session, image.specimen_id, image.index)
        if row is not None:
            row.image_file, row.image_gone = None, f"{why}, found on {store.now()[:10]}"
        told = {"field": image.index, "image_file": image.file, "sha256": image.sha256, "why": why}
        write_entry(session, store.now(), DEVICE, "image.lost", image.specimen_id, told)
    return f"marked as {why}: {problem}"


def _move_orphans(store: Store) -> list[str]:
    done = []
    for path in _files(store.home):
        relative = path.relative_to(store.home)
        if path.name.startswith(".") and path.name.endswith(TEMP_SUFFIX):
            path.unlink()
            done.append(f"deleted {relative}, which was never written whole")
        elif not _is_named(store, relative):
            _move_aside(store.home, relative)
            done.append(f"moved {relative}, which no record names, to {ASIDE_FOLDER}/")
    return done


def _files(home: Path) -> list[Path]:
    patterns = (f"{FIELDS_FOLDER}/*/*", f"{OUTBOX_FOLDER}/*")
    return sorted(path for pattern in patterns for path in home.glob(pattern) if path.is_file())


def _is_named(store: Store, relative: Path) -> bool:
    name = relative.as_posix()
    with store.session() as session:
        if relative.parts[0] == OUTBOX_FOLDER:
            query = select(OutboxRow.item_id).where(OutboxRow.payload_file == name)
        else:
            query = select(FieldRow.field_index).where(
                FieldRow.specimen_id == relative.parts[1], FieldRow.image_file == name
            )
        return session.execute(query.limit(1)).first() is not None


def _move_aside(home: Path, relative: Path) -> None:
    target = home / ASIDE_FOLDER / relative
    with disk_errors(target, 0):
        make_folder(target.parent)
        (home / relative).replace(target)
        sync_folder(target.parent)
        sync_folder((home / relative).parent)
