"""Corrections of whose specimen it is: patient, site, barcode, time, also after it was sent.

A result that such a change reaches gets a new version, so that whoever was sent the old one is sent
what is right: one that a person signed is amended, with the reason and the same verdict; the
machine's own becomes a new preliminary one where it was queued for a server already.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import Session

from edge.contract.errors import ConflictError, DataError
from edge.store import queries, specimens
from edge.store.audit import write_entry
from edge.store.clinic_schema import OutboxRow, PatientRow, ResultRow, SlideRow, WorklistRow
from edge.store.decisions import add_preliminary, add_result, newest_result
from edge.store.patients import check_patient, told_patient
from edge.store.records import AMENDED, PRELIMINARY, RUNNING, THIN, Patient, SpecimenDetails
from edge.store.schema import SpecimenRow
from edge.store.text_rules import check_name, check_note

if TYPE_CHECKING:
    from edge.store.store import Store


def correct_specimen(
    store: Store,
    specimen_id: str,
    by: str,
    reason: str,
    details: SpecimenDetails,
    patient: Patient | None,
    seen_version: int | None = None,
) -> list[str]:
    """Corrects a specimen and its patient, all of it or nothing.

    Args:
        store: the clinic's records.
        specimen_id: of a specimen that is not being screened.
        by: who corrects it.
        reason: what was wrong; stands in each amended result.
        details: all of the specimen's, the unchanged ones, too.
        patient: whom `details` name, with the values that are right; a new one is registered, and
            of a known one every specimen is reached. None where `details` name none.
        seen_version: the specimen's version on the page; None asks for no check.

    Returns:
        the specimens whose result has a new version, in the order of their ids.

    Raises:
        NotFoundError: no such specimen.
        ConflictError: it is being screened, was changed since it was shown, or is given to another
            patient who is known with other values.
        DataError: no name, no reason, a value that is not allowed, or nothing that would change.
    """
    by, reason = check_name(by, "name of who corrects"), check_note(reason, "reason").strip()
    if not reason:
        raise DataError("a correction needs a reason; say what was wrong")
    if (patient.patient_id if patient else None) != details.patient_id:
        raise DataError(f"the specimen names patient {details.patient_id!r}, not the one given")
    with store.session(writes=True) as session:
        row = queries.get_specimen(session, specimen_id)
        if row.status == RUNNING:
            raise ConflictError(f"specimen {specimen_id} is being screened; correct it afterwards")
        now = store.now()
        before = specimens.details_of(row)
        is_same = row.patient_id == details.patient_id
        is_patient_changed = patient is not None and _set_patient(
            session, now, patient, by, is_same
        )
        is_other = asdict(specimens.checked(session, details)) != before
        if not is_patient_changed and not is_other:
            raise DataError("nothing is different; change what was wrong, or go back")
        if is_other:
            specimens.change(session, now, row, by, details, seen_version)
            _move_barcode(session, row, before["barcode"])
        else:
            specimens.claim(row, seen_version)
        session.flush()
        reached = _of_patient(session, row.patient_id) if is_patient_changed else []
        others = [one for one in reached if one.specimen_id != specimen_id]
        for other in others:
            specimens.claim(other, None)
        found = [one for one in (row, *others) if _tell_anew(session, now, one, by, reason)]
        return sorted(one.specimen_id for one in found)


def _set_patient(session: Session, now: str, patient: Patient, by: str, is_same: bool) -> bool:
    """Registers a patient, or changes the specimen's own; true where a known one is changed."""
    patient = check_patient(patient)
    row = session.get(PatientRow, patient.patient_id)
    if row is None:
        session.add(PatientRow(**vars(patient)))
        session.flush()
        write_entry(session, now, by, "patient.added", patient.patient_id, vars(patient))
        return False
    before = vars(row.record())
    told = {
        name: [before[name], value]
        for name, value in vars(patient).items()
        if before[name] != value
    }
    if not told:
        return False
    if not is_same:  # A slip in one specimen must not change another person.
        raise ConflictError(
            f"patient {patient.patient_id} is in the register with other values "
            f"({told_patient(row.record())}); give those, or correct that patient's own specimen"
        )
    for name, value in vars(patient).items():
        setattr(row, name, value)
    write_entry(session, now, by, "patient.changed", patient.patient_id, told)
    return True


def _move_barcode(session: Session, row: SpecimenRow, before: str) -> None:
    """The glass and the worklist follow the specimen's barcode."""
    if row.barcode == before:
        return
    query = select(SlideRow).where(
        SlideRow.specimen_id == row.specimen_id, SlideRow.smear == THIN, SlideRow.barcode == before
    )
    for slide in session.scalars(query):
        slide.barcode = row.barcode
    freed = session.get(WorklistRow, before) if before else None
    if freed is not None and freed.specimen_id == row.specimen_id:
        freed.specimen_id = None
    taken = session.get(WorklistRow, row.barcode) if row.barcode else None
    if taken is not None and taken.specimen_id is None:
        taken.specimen_id = row.specimen_id


def _of_patient(session: Session, patient_id: str | None) -> list[SpecimenRow]:
    query = select(SpecimenRow).where(
        SpecimenRow.patient_id == patient_id, SpecimenRow.status != RUNNING
    )
    return list(session.scalars(query.order_by(SpecimenRow.sequence)))


def _tell_anew(session: Session, now: str, row: SpecimenRow, by: str, reason: str) -> bool:
    """A new version of a result that says the same of another; false where none is needed."""
    newest = newest_result(session, row.specimen_id)
    if newest is None:
        return False
    if newest.status != PRELIMINARY:
        add_result(session, now, row, AMENDED, newest.report, by, reason)
    elif _is_queued(session, newest):
        add_preliminary(session, now, row, newest.report)
    else:
        return False
    return True


def _is_queued(session: Session, result: ResultRow) -> bool:
    query = select(OutboxRow.item_id).where(
        OutboxRow.specimen_id == result.specimen_id, OutboxRow.version == result.version
    )
    return session.scalars(query.limit(1)).first() is not None
