"""What is asked of the tables: rows inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from edge.contract.errors import NotFoundError
from edge.store.schema import FieldRow, SpecimenRow, SuspectCellRow

MAX_INTEGER = 2**63 - 1  # SQLite's largest; a number from a URL may be any


def get_specimen(session: Session, specimen_id: str) -> SpecimenRow:
    """One specimen. Raises NotFoundError."""
    row = session.get(SpecimenRow, specimen_id)
    if row is None:
        raise NotFoundError(f"no specimen {specimen_id!r}; the list of specimens shows which exist")
    return row


def page_of_specimens(session: Session, limit: int, before: str | None) -> Sequence[SpecimenRow]:
    """Specimens that were started before the one with id `before`, newest first.

    Raises:
        NotFoundError: no such specimen.
    """
    query = select(SpecimenRow).order_by(SpecimenRow.sequence.desc())
    if before is not None:
        query = query.where(SpecimenRow.sequence < get_specimen(session, before).sequence)
    return session.scalars(query.limit(bounded(limit))).all()


def specimens_with(session: Session, status: str) -> Sequence[SpecimenRow]:
    """Specimens in a state."""
    return session.scalars(select(SpecimenRow).where(SpecimenRow.status == status)).all()


def fields_of(
    session: Session, specimen_id: str, limit: int | None = None, after: int | None = None
) -> Sequence[FieldRow]:
    """The fields of a specimen, by index; at most `limit` of those after index `after`."""
    query = select(FieldRow).where(FieldRow.specimen_id == specimen_id)
    if after is not None:
        query = query.where(FieldRow.field_index > bounded(after))
    if limit is not None:
        query = query.limit(bounded(limit))
    return session.scalars(query.order_by(FieldRow.field_index)).all()


def find_field(session: Session, specimen_id: str, index: int) -> FieldRow | None:
    """One field, None where there is no such."""
    if not 0 <= index <= MAX_INTEGER:
        return None
    return session.get(FieldRow, (specimen_id, index))


def suspects_of(session: Session, specimen_id: str, limit: int) -> Sequence[SuspectCellRow]:
    """Suspect cells of a specimen, highest score first."""
    query = select(SuspectCellRow).where(SuspectCellRow.specimen_id == specimen_id)
    query = query.order_by(SuspectCellRow.score.desc(), SuspectCellRow.cell_id)
    return session.scalars(query.limit(bounded(limit))).all()


def get_suspect(session: Session, cell_id: int) -> SuspectCellRow:
    """One suspect cell. Raises NotFoundError."""
    row = session.get(SuspectCellRow, cell_id) if 0 <= cell_id <= MAX_INTEGER else None
    if row is None:
        raise NotFoundError(f"no suspect cell {cell_id}; its field may have been screened again")
    return row


def bounded(limit: int) -> int:
    """A number as SQLite can have it: from 0 to its largest."""
    # SQLite takes a negative limit for none.
    return min(max(limit, 0), MAX_INTEGER)


def database_problems(connection: Connection) -> list[str]:
    """What SQLite itself finds wrong with its file, references between tables included."""
    lines = connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    return [f"{line}; restore a backup" for line in lines if line != "ok"] + [
        f"row {row} of {table} refers to no row of {parent}; restore a backup"
        for table, row, parent, _ in broken
    ]


def begins_with(column: InstrumentedAttribute[Any], text: str) -> ColumnElement[bool]:
    """Whether a text begins so, in a form that an index answers and no pattern sign disturbs."""
    return and_(column >= text, column < text + chr(0x10FFFF))
