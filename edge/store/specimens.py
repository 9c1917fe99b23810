"""A specimen's beginning, end and details, within the caller's transaction."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from edge.contract.errors import ConflictError, DataError
from edge.store.audit import write_entry
from edge.store.clinic_schema import PatientRow, SlideRow, WorklistRow, digest
from edge.store.decisions import add_preliminary
from edge.store.interrupted import WHY, never_negative
from edge.store.records import (
    DEVICE,
    FAILED,
    INTERRUPTED,
    MALARIA,
    RUNNING,
    TASKS,
    THIN,
    SpecimenDetails,
)
from edge.store.schema import SpecimenRow
from edge.store.text_rules import check_choice, check_id, check_moment, check_name, check_text

_DETAILS = tuple(item.name for item in fields(SpecimenDetails))


def start(
    session: Session,
    now: str,
    label: str,
    source: str,
    settings: Mapping[str, Any],
    details: SpecimenDetails,
) -> SpecimenRow:
    """Adds a RUNNING specimen with its slide; a worklist's item of its barcode is taken.

    Raises:
        DataError: a detail is not allowed, or no such patient is in the register.
    """
    row = SpecimenRow(
        specimen_id=_new_id(session, now),
        label=label,
        source=source,
        source_settings=dict(settings),
        status=RUNNING,
        started_utc=now,
        error="",
        sequence=_next_sequence(session),
        version=1,
        result_status="",
        **asdict(checked(session, details)),
    )
    session.add(row)
    session.flush()
    if details.task == MALARIA:
        session.add(SlideRow(specimen_id=row.specimen_id, smear=THIN, barcode=details.barcode))
    item = session.get(WorklistRow, details.barcode) if details.barcode else None
    if item is not None:
        item.specimen_id = row.specimen_id
    by = details.operator or DEVICE
    told = {"source": source, **details_of(row)}
    write_entry(session, now, by, "specimen.started", row.specimen_id, told)
    return row


def checked(session: Session, details: SpecimenDetails) -> SpecimenDetails:
    """The details as they are stored.

    Raises:
        DataError: a detail is not allowed, or no such patient is in the register.
    """
    if details.patient_id is not None and session.get(PatientRow, details.patient_id) is None:
        raise DataError(
            f"patient {details.patient_id[:80]!r} is not in the register; add the patient first"
        )
    return SpecimenDetails(
        patient_id=details.patient_id,
        operator=check_text(details.operator, "operator"),
        site=check_text(details.site, "site"),
        barcode=check_id(details.barcode, "barcode") if details.barcode else "",
        task=check_choice(details.task, TASKS, "task"),
        collected_utc=check_moment(details.collected_utc, "time of collection")
        if details.collected_utc
        else None,
        protocol=check_text(details.protocol, "protocol"),
        consent=bool(details.consent),
    )


def finish(
    session: Session, now: str, row: SpecimenRow, report: dict[str, Any], status: str, error: str
) -> None:
    """Stores a report; unless RUNNING it is the first, preliminary result."""
    if status in (FAILED, INTERRUPTED):
        report = never_negative(report, error or WHY)
    row.report, row.status, row.error = report, status, error
    row.finished_utc = None if status == RUNNING else now
    if status != RUNNING:
        add_preliminary(session, now, row, report)
        told = {"status": status, "verdict": report["verdict"], "report_sha256": digest(report)}
        write_entry(session, now, DEVICE, "specimen.finished", row.specimen_id, told)


def change(
    session: Session,
    now: str,
    row: SpecimenRow,
    by: str,
    details: SpecimenDetails,
    seen_version: int | None,
) -> None:
    """Gives a specimen other details; the log keeps old and new ones.

    Raises:
        ConflictError: it was changed since `seen_version`.
        DataError: a detail is not allowed.
    """
    claim(row, seen_version)
    by = check_name(by, "name")
    before = details_of(row)
    for name, value in asdict(checked(session, details)).items():
        setattr(row, name, value)
    after = details_of(row)
    told = {name: [before[name], after[name]] for name in _DETAILS if before[name] != after[name]}
    write_entry(session, now, by, "specimen.changed", row.specimen_id, told)


def claim(row: SpecimenRow, seen_version: int | None) -> None:
    """Counts a change of the specimen, unless another one came between.

    Raises:
        ConflictError: the specimen is no longer the one that the person saw.
    """
    if seen_version is not None and seen_version != row.version:
        raise ConflictError(
            f"specimen {row.specimen_id} was changed by someone else meanwhile (you saw version "
            f"{seen_version}, it is {row.version} now); look at it again, then repeat your change"
        )
    row.version += 1


def details_of(row: SpecimenRow) -> dict[str, Any]:
    """The details as they are stored, by name."""
    return {name: getattr(row, name) for name in _DETAILS}


def _new_id(session: Session, now: str) -> str:
    moment = datetime.fromisoformat(now).astimezone(UTC)
    while True:
        found = f"{moment:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
        if session.get(SpecimenRow, found) is None:
            return found


def _next_sequence(session: Session) -> int:
    return (session.scalar(select(func.max(SpecimenRow.sequence))) or 0) + 1
