"""The clinic's records, safe against power cuts: what this says is stored, stays stored.

Layout of the folder: `records.db` (SQLite) for what was decided, and below `fields/` one folder a
specimen with the image of each field. An image is on the disk before the row that names it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from edge.contract.errors import NotFoundError, StorageFullError, StoreError
from edge.contract.types import FieldResult, SlideReport
from edge.store import checks, field_images, interrupted, queries, specimens
from edge.store.decisions import refuse_signed
from edge.store.files import (
    database_errors,
    disk_errors,
    make_folder,
    write_durably,
)
from edge.store.migrate import open_database, transaction
from edge.store.records import (
    DONE,
    FAILED,
    INTERRUPTED,
    RUNNING,
    STOPPED,
    FieldRecord,
    SpecimenDetails,
    SpecimenRecord,
    SuspectCellRecord,
)
from edge.store.schema import FieldRow, field_row, suspect_rows

DATABASE_FILE = "records.db"
_STATUSES = (RUNNING, DONE, STOPPED, FAILED, INTERRUPTED)


def utc_now() -> str:
    """The time as ISO 8601 with offset, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


class Store:
    """Specimens, their fields and suspect cells. Threads may share one.

    Raises:
        StoreError: the folder cannot be made, or the database is none, is another program's or was
            made by a newer version; it is then left untouched.
        StorageFullError: no room.
    """

    def __init__(self, home: Path, *, now: Callable[[], str] = utc_now) -> None:
        self.home = home
        self.now = now
        self.path = home / DATABASE_FILE
        self._closed = False
        self._reading = threading.local()
        with disk_errors(home, 0):
            make_folder(home / field_images.FIELDS_FOLDER)
        self.engine = open_database(self.path)

    def close(self) -> None:
        """Closes the database; may be called twice."""
        self._closed = True
        self.engine.dispose()

    @contextmanager
    def session(self, *, writes: bool = False) -> Iterator[Session]:
        """A transaction, for the rooms beside this one; committed unless an error passes."""
        if self._closed:
            raise StoreError(f"the store at {self.home} is closed; open it again")
        around: Session | None = getattr(self._reading, "session", None)
        if around is not None and not writes:
            yield around
            return
        with database_errors(self.path), transaction(self.engine, writes=writes) as session:
            yield session

    @contextmanager
    def reading(self) -> Iterator[None]:
        """All that this thread reads inside is of one moment; what it writes there is not seen."""
        around: Session | None = getattr(self._reading, "session", None)
        with self.session() as session:
            self._reading.session = session
            try:
                yield
            finally:
                self._reading.session = around

    def start_specimen(
        self,
        label: str,
        source: str,
        source_settings: Mapping[str, Any],
        details: SpecimenDetails | None = None,
    ) -> str:
        """Opens a specimen as RUNNING; returns its id.

        Raises:
            DataError: one of `details` is not allowed, or names no patient of the register.
        """
        with self.session(writes=True) as session:
            return specimens.start(
                session, self.now(), label, source, source_settings, details or SpecimenDetails()
            ).specimen_id

    def save_field(
        self,
        specimen_id: str,
        index: int,
        result: FieldResult,
        image: bytes | None,
        suffix: str = ".png",
    ) -> None:
        """Stores a field, or replaces it: all of it is on the disk when this returns.

        Args:
            specimen_id: from `start_specimen`.
            index: the field's number within the specimen, from 0.
            result: what was seen, or why it was refused.
            image: the encoded image, None where none could be read.
            suffix: the image's, such as ".png".

        Raises:
            NotFoundError: no such specimen.
            ConflictError: a person signed its result; the fields that it rests on stay.
            StorageFullError: no room; nothing of this field is kept, all before it is untouched.
        """
        if not 0 <= index <= queries.MAX_INTEGER:
            raise StoreError(f"field index is {index}; count fields from 0")
        self.specimen(specimen_id)  # before its id becomes part of a path
        if image is None:
            self._replace_field(field_row(specimen_id, index, result, None, None), result)
            return
        file, sha256 = field_images.name_image(specimen_id, index, image, suffix)
        path = self.home / file
        is_new = not path.exists()
        write_durably(path, image)
        try:
            self._replace_field(field_row(specimen_id, index, result, file, sha256), result)
        except StorageFullError:
            if is_new:  # A full disk surely stored no row, and needs the room.
                path.unlink(missing_ok=True)
            raise

    def _replace_field(self, row: FieldRow, result: FieldResult) -> None:
        with self.session(writes=True) as session:
            refuse_signed(queries.get_specimen(session, row.specimen_id))
            old = queries.find_field(session, row.specimen_id, row.field_index)
            unused = None if old is None else old.image_file
            if old is not None:
                session.delete(old)
                session.flush()
            session.add(row)
            session.flush()
            session.add_all(suspect_rows(row.specimen_id, row.field_index, result))
        if unused is not None and unused != row.image_file:
            (self.home / unused).unlink(missing_ok=True)

    def finish_specimen(
        self, specimen_id: str, report: SlideReport, status: str = DONE, error: str = ""
    ) -> None:
        """Stores the report. A specimen that FAILED or was INTERRUPTED is not kept as negative.

        With status RUNNING the report is an interim one, and the specimen stays open.

        Raises:
            NotFoundError: no such specimen.
            StoreError: no such status, or (ConflictError) a person signed its result already.
        """
        if status not in _STATUSES:
            raise StoreError(f"no status {status!r}; use one of {', '.join(_STATUSES)}")
        with self.session(writes=True) as session:
            row = queries.get_specimen(session, specimen_id)
            specimens.finish(session, self.now(), row, report.to_json(), status, error)

    def recover(self) -> int:
        """Closes what a power cut left open. Call once at start, before any other work.

        Specimens left RUNNING become INTERRUPTED, inconclusive unless already positive or refused;
        files that no record names are deleted from their folders. When they stopped is not known,
        so `finished_utc` stays None.

        Returns:
            how many specimens were interrupted.
        """
        return interrupted.recover(self)

    def specimen(self, specimen_id: str) -> SpecimenRecord:
        """One specimen. Raises NotFoundError."""
        with self.session() as session:
            return queries.get_specimen(session, specimen_id).record()

    def specimens(self, limit: int = 50, before: str | None = None) -> list[SpecimenRecord]:
        """A page of specimens, newest first; `before` is the last id of the page before."""
        with self.session() as session:
            return [row.record() for row in queries.page_of_specimens(session, limit, before)]

    def fields(
        self, specimen_id: str, limit: int | None = None, after: int | None = None
    ) -> list[FieldRecord]:
        """The fields of a specimen by index. Raises NotFoundError when there is no specimen.

        Args:
            specimen_id: from `start_specimen`.
            limit: at most so many; None for all.
            after: the last index of the page before.
        """
        with self.session() as session:
            queries.get_specimen(session, specimen_id)
            rows = queries.fields_of(session, specimen_id, limit, after)
            return [row.record() for row in rows]

    def field(self, specimen_id: str, index: int) -> FieldRecord:
        """One field. Raises NotFoundError."""
        with self.session() as session:
            row = queries.find_field(session, specimen_id, index)
            if row is None:
                raise NotFoundError(f"specimen {specimen_id!r} has no field {index}")
            return row.record()

    def suspect_cells(self, specimen_id: str, limit: int = 500) -> list[SuspectCellRecord]:
        """The cells that one network at least suspects, highest score first.

        Args:
            specimen_id: from `start_specimen`.
            limit: at most this many.

        Raises:
            NotFoundError: no such specimen.
        """
        with self.session() as session:
            queries.get_specimen(session, specimen_id)
            return [row.record() for row in queries.suspects_of(session, specimen_id, limit)]

    def suspect_cell(self, cell_id: int) -> SuspectCellRecord:
        """One cell with its evidence. Raises NotFoundError."""
        with self.session() as session:
            return queries.get_suspect(session, cell_id).record()

    def image_bytes(self, record: FieldRecord) -> bytes:
        """The encoded image of a field, as it was stored.

        Raises:
            NotFoundError: the field has no image.
            StoreError: the file is missing or is not what was stored.
        """
        return field_images.read_image_bytes(self.home, record)

    def check_integrity(self, *, deep: bool = False) -> list[str]:
        """Problems in words, none when sound.

        Args:
            deep: also read every image and compare its hash, which takes as long as a copy.
        """
        return checks.integrity_problems(self, deep=deep)
