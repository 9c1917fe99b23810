"""What a patient of the register must be."""

from __future__ import annotations

from sqlalchemy.orm import Session

from edge.contract.errors import NotFoundError
from edge.store.clinic_schema import PatientRow
from edge.store.records import AGE_BANDS, SEXES, Patient
from edge.store.text_rules import check_choice, check_id, check_text


def check_patient(patient: Patient) -> Patient:
    """The patient as it is stored. Raises DataError."""
    return Patient(
        check_id(patient.patient_id, "patient_id"),
        check_choice(patient.age_band, AGE_BANDS, "age_band"),
        check_choice(patient.sex, SEXES, "sex"),
        check_text(patient.site, "site"),
    )


def get_patient(session: Session, patient_id: str) -> PatientRow:
    """One patient. Raises NotFoundError."""
    row = session.get(PatientRow, patient_id)
    if row is None:
        raise NotFoundError(f"no patient {patient_id[:80]!r} in the register")
    return row


def told_patient(patient: Patient) -> str:
    """What is known of a patient, for a message."""
    return f"age {patient.age_band}, {patient.sex}, site {patient.site!r}"
