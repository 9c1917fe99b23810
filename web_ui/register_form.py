"""The register's part of a new specimen's form: text as it came to checked values. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from edge.contract.errors import DataError
from edge.store.records import (
    AGE_BANDS,
    SEXES,
    THICK,
    Patient,
    SpecimenDetails,
    WorklistItem,
)
from edge.store.text_rules import check_id, check_moment, check_text
from web_ui.language import gettext as _
from web_ui.language import lazy_gettext, said

DEFAULTS = {
    "barcode": "",
    "patient_id": "",
    "age_band": "unknown",
    "sex": "unknown",
    "site": "",
    "collected": "",
    "smears": "thin",
    "thick_barcode": "",
}
# What is on the table: the machine reads the thin smear, a person may count the thick one.
SMEARS = {"thin": lazy_gettext("Thin smear alone"), "both": lazy_gettext("Thin and thick smear")}


@dataclass(frozen=True)
class RegisterForm:
    """What the form gave.

    Attributes:
        values: the text of each input, to be shown again.
        errors: a message for each input that is wrong; the rest holds only where there is none.
        patient: None where no id was given.
        has_thick: a thick smear lies beside the thin one.
    """

    values: dict[str, str]
    errors: dict[str, str]
    patient: Patient | None = None
    details: SpecimenDetails = field(default_factory=SpecimenDetails)
    has_thick: bool = False


def read_register(form: Mapping[str, str], operator: str) -> RegisterForm:
    """Checks patient, site, barcodes and smears.

    Args:
        form: the inputs as text.
        operator: who prepares and screens the slide.
    """
    values = {name: form.get(name, default).strip() for name, default in DEFAULTS.items()}
    errors: dict[str, str] = {}

    def take(name: str, check: Callable[[str, str], str], what: str) -> str:
        try:
            return check(values[name], what) if values[name] else ""
        except DataError as error:
            errors[name] = said(f"{error}.")
            return ""

    for name, choices in (("age_band", AGE_BANDS), ("sex", SEXES), ("smears", tuple(SMEARS))):
        if values[name] not in choices:
            errors[name] = _("Choose one of the list.")
            values[name] = DEFAULTS[name]
    site = take("site", check_text, "The site")
    details = SpecimenDetails(
        patient_id=take("patient_id", check_id, "The patient's id") or None,
        operator=operator,
        site=site,
        barcode=take("barcode", check_id, "The barcode"),
        collected_utc=take("collected", check_moment, "The time") or None,
    )
    take("thick_barcode", check_id, "The barcode")
    patient = None
    if details.patient_id is not None:
        patient = Patient(details.patient_id, values["age_band"], values["sex"], site)
    return RegisterForm(values, errors, patient, details, values["smears"] == "both")


def from_worklist(item: WorklistItem, patient: Patient) -> dict[str, str]:
    """The inputs of a form for an expected slide."""
    thick = item.smear == THICK
    return {
        "barcode": item.barcode,
        "patient_id": patient.patient_id,
        "age_band": patient.age_band,
        "sex": patient.sex,
        "site": item.site,
        "collected": item.collected_utc or "",
        "smears": "both" if thick else "thin",
        "thick_barcode": item.barcode if thick else "",
    }
