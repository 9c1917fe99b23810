"""Rows of decisions, each written with its line of the log in the caller's transaction."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from edge.contract.errors import ConflictError
from edge.store.audit import write_entry
from edge.store.clinic_schema import DecisionRow, ResultRow, digest
from edge.store.records import DEVICE, PRELIMINARY
from edge.store.schema import FieldRow, SpecimenRow

SEALED = "fields.sealed"


def log_decision(session: Session, row: DecisionRow, action: str) -> int:
    """The line of a row that has its id, but is not yet in the database; returns its number."""
    return write_entry(session, row.at_utc, row.by, action, row.specimen_id, row.plain())


def add_result(
    session: Session,
    now: str,
    specimen: SpecimenRow,
    status: str,
    report: dict[str, Any],
    by: str,
    reason: str = "",
) -> ResultRow:
    """The next version of a specimen's result, which is then the one in force."""
    newest = newest_result(session, specimen.specimen_id)
    row = ResultRow(
        specimen_id=specimen.specimen_id,
        version=newest.version + 1 if newest else 1,
        status=status,
        report=report,
        by=by,
        at_utc=now,
        reason=reason,
    )
    row.audit_number = log_decision(session, row, f"result.{status}")
    session.add(row)
    specimen.verdict, specimen.result_status = report["verdict"], status
    session.flush()
    return row


def add_preliminary(
    session: Session, now: str, specimen: SpecimenRow, report: dict[str, Any]
) -> ResultRow:
    """The machine's result. Raises ConflictError where a person signed one already."""
    refuse_signed(specimen)
    return add_result(session, now, specimen, PRELIMINARY, report, DEVICE)


def refuse_signed(specimen: SpecimenRow) -> None:
    """Raises ConflictError where a person signed the result: what it rests on stays as it is."""
    if specimen.result_status not in ("", PRELIMINARY):
        raise ConflictError(
            f"the result of specimen {specimen.specimen_id} is signed; amend it, with a reason"
        )


def seal_fields(session: Session, now: str, specimen_id: str, by: str) -> None:
    """Puts into the log what a signature rests on: each field's counts and its image's hash."""
    count, sha256 = digest_fields(session, specimen_id)
    write_entry(session, now, by, SEALED, specimen_id, {"fields": count, "sha256": sha256})


def digest_fields(session: Session, specimen_id: str) -> tuple[int, str]:
    """How many fields a specimen has, and a hash over what was counted and seen in them."""
    query = (
        select(
            FieldRow.field_index,
            FieldRow.usable,
            FieldRow.rbc_count,
            FieldRow.positive_count,
            FieldRow.image_sha256,
        )
        .where(FieldRow.specimen_id == specimen_id)
        .order_by(FieldRow.field_index)
    )
    rows = [list(row) for row in session.execute(query)]
    return len(rows), digest(rows)


def newest_result(session: Session, specimen_id: str) -> ResultRow | None:
    """The result in force; None where there is none yet."""
    query = select(ResultRow).where(ResultRow.specimen_id == specimen_id)
    return session.scalars(query.order_by(ResultRow.version.desc()).limit(1)).first()
