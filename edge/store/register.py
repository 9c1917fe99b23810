"""The register: patients by pseudonym, specimens' details, slides, and the worklist."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import Session

from edge.contract.errors import ConflictError, NotFoundError
from edge.store import queries, specimens, worklist
from edge.store.audit import write_entry
from edge.store.clinic_schema import PatientRow, SlideRow, WorklistRow
from edge.store.patients import check_patient, get_patient, told_patient
from edge.store.records import (
    DEVICE,
    SMEARS,
    Patient,
    Slide,
    SpecimenDetails,
    SpecimenRecord,
    WorklistItem,
)
from edge.store.text_rules import check_choice, check_id

if TYPE_CHECKING:
    from edge.store.store import Store


class Register:
    """Who is screened, of what, on which glass."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add_patient(self, patient: Patient, by: str = DEVICE) -> Patient:
        """Adds a patient; the same one again changes nothing.

        Raises:
            DataError: a value is not allowed.
            ConflictError: the pseudonym is another patient's.
        """
        patient = check_patient(patient)
        with self._store.session(writes=True) as session:
            row = session.get(PatientRow, patient.patient_id)
            if row is None:
                session.add(PatientRow(**vars(patient)))
                told = vars(patient)
                now = self._store.now()
                write_entry(session, now, by, "patient.added", patient.patient_id, told)
            elif row.record() != patient:
                raise ConflictError(
                    f"patient {patient.patient_id} is in the register with other values "
                    f"({told_patient(row.record())}); change that one, or take another id"
                )
        return patient

    def change_patient(self, patient: Patient, by: str) -> Patient:
        """Corrects age band, sex or site; the log keeps what they were.

        Raises:
            NotFoundError: no such patient.
            DataError: a value is not allowed.
        """
        patient = check_patient(patient)
        with self._store.session(writes=True) as session:
            row = get_patient(session, patient.patient_id)
            before = vars(row.record())
            for name, value in vars(patient).items():
                setattr(row, name, value)
            told = {
                name: [before[name], value]
                for name, value in vars(patient).items()
                if before[name] != value
            }
            now = self._store.now()
            write_entry(session, now, by, "patient.changed", patient.patient_id, told)
        return patient

    def patient(self, patient_id: str) -> Patient:
        """One patient. Raises NotFoundError."""
        with self._store.session() as session:
            return get_patient(session, patient_id).record()

    def find_patient(self, begins: str, limit: int = 20) -> list[Patient]:
        """Patients whose id begins so, in the order of ids."""
        query = select(PatientRow).where(queries.begins_with(PatientRow.patient_id, begins))
        query = query.order_by(PatientRow.patient_id).limit(queries.bounded(limit))
        with self._store.session() as session:
            return [row.record() for row in session.scalars(query)]

    def describe_specimen(
        self, specimen_id: str, by: str, details: SpecimenDetails, seen_version: int | None = None
    ) -> SpecimenRecord:
        """Gives a specimen other details.

        Args:
            specimen_id: from `Store.start_specimen`.
            by: who changes it.
            details: all of them, the unchanged ones, too.
            seen_version: the version on the page; None asks for no check.

        Raises:
            NotFoundError: no such specimen.
            ConflictError: someone changed it since.
            DataError: a detail is not allowed.
        """
        with self._store.session(writes=True) as session:
            row = queries.get_specimen(session, specimen_id)
            specimens.change(session, self._store.now(), row, by, details, seen_version)
            return row.record()

    def add_slide(self, specimen_id: str, smear: str, barcode: str = "", by: str = DEVICE) -> Slide:
        """Adds a glass; a specimen has at most one of each smear. The same again changes nothing.

        Raises:
            NotFoundError: no such specimen.
            DataError: no such smear, or a barcode that is not allowed.
            ConflictError: there is one with another barcode.
        """
        check_choice(smear, SMEARS, "smear")
        barcode = check_id(barcode, "barcode") if barcode else ""
        with self._store.session(writes=True) as session:
            queries.get_specimen(session, specimen_id)
            row = _slide_of(session, specimen_id, smear)
            if row is None:
                row = SlideRow(specimen_id=specimen_id, smear=smear, barcode=barcode)
                session.add(row)
                session.flush()
                told = {"smear": smear, "barcode": barcode, "slide_id": row.slide_id}
                write_entry(session, self._store.now(), by, "slide.added", specimen_id, told)
            elif row.barcode != barcode:
                raise ConflictError(
                    f"specimen {specimen_id} has a {smear} slide with barcode {row.barcode!r}; "
                    f"given {barcode!r}"
                )
            return row.record()

    def slides_of(self, specimen_id: str) -> list[Slide]:
        """The glasses of a specimen. Raises NotFoundError."""
        query = select(SlideRow).where(SlideRow.specimen_id == specimen_id)
        with self._store.session() as session:
            queries.get_specimen(session, specimen_id)
            return [row.record() for row in session.scalars(query.order_by(SlideRow.slide_id))]

    def import_worklist(self, path: Path, by: str = DEVICE) -> worklist.WorklistReport:
        """Reads a CSV of expected slides; see `edge.store.worklist`. Raises DataError."""
        return worklist.import_worklist(self._store, path, by)

    def expected(self, barcode: str) -> WorklistItem:
        """The worklist's item of a barcode. Raises NotFoundError."""
        with self._store.session() as session:
            row = session.get(WorklistRow, barcode)
            if row is None:
                raise NotFoundError(f"barcode {barcode[:80]!r} is not on the worklist")
            return row.record()

    def worklist(self, limit: int = 50, after: str = "") -> list[WorklistItem]:
        """A page of items not screened yet, by barcode; `after` ends the page before."""
        query = select(WorklistRow).where(
            WorklistRow.specimen_id.is_(None), WorklistRow.barcode > after
        )
        query = query.order_by(WorklistRow.barcode).limit(queries.bounded(limit))
        with self._store.session() as session:
            return [row.record() for row in session.scalars(query)]


def _slide_of(session: Session, specimen_id: str, smear: str) -> SlideRow | None:
    query = select(SlideRow).where(SlideRow.specimen_id == specimen_id, SlideRow.smear == smear)
    return session.scalars(query).first()
