"""The register behind a new specimen's form: expected slides in, patient and thick smear stored."""

from __future__ import annotations

from dataclasses import dataclass, replace

from edge.contract.errors import ConflictError, NotFoundError
from edge.store.records import THICK, WorklistItem
from edge.store.register import Register
from edge.store.store import Store
from web_ui.language import said
from web_ui.register_form import DEFAULTS, RegisterForm, from_worklist

# Of the worklist; a barcode finds the others.
EXPECTED_AT_MOST = 30


@dataclass(frozen=True)
class Expected:
    """What the worklist says of a scanned barcode.

    Attributes:
        form: with what is known of it.
        found: it is on the worklist.
        screened_as: the specimen that it was screened as; empty where it was not.
    """

    form: RegisterForm
    barcode: str = ""
    found: bool = False
    screened_as: str = ""

    def at(self, place: str) -> Expected:
        """The same where it names no site: taken at this place."""
        values = self.form.values
        if values["site"]:
            return self
        return replace(self, form=replace(self.form, values=values | {"site": place}))


def expected(store: Store, barcode: str) -> Expected:
    """The form of a barcode that was scanned, typed or chosen; an empty one where it is empty."""
    if not barcode:
        return Expected(RegisterForm(dict(DEFAULTS), {}))
    try:
        item = Register(store).expected(barcode)
    except NotFoundError:
        return Expected(RegisterForm(DEFAULTS | {"barcode": barcode}, {}), barcode)
    patient = Register(store).patient(item.patient_id)
    form = RegisterForm(DEFAULTS | from_worklist(item, patient), {})
    return Expected(form, barcode, True, item.specimen_id or "")


def waiting(store: Store) -> list[WorklistItem]:
    """The first of the slides that are expected."""
    return Register(store).worklist(EXPECTED_AT_MOST)


def register_patient(store: Store, form: RegisterForm) -> RegisterForm:
    """Adds the form's patient; one that is known with other values is an error of the form.

    A form that leaves age and sex open takes what is known.
    """
    if form.patient is None:
        return form
    register = Register(store)
    try:
        register.add_patient(form.patient, form.details.operator)
    except ConflictError as error:
        if (form.patient.age_band, form.patient.sex) == ("unknown", "unknown"):
            return form
        known = register.patient(form.patient.patient_id)
        if (known.age_band, known.sex) == (form.patient.age_band, form.patient.sex):
            return form
        return replace(form, errors=form.errors | {"patient_id": said(f"{error}.")})
    return form


def add_thick(store: Store, specimen_id: str, form: RegisterForm) -> None:
    """Stores the thick smear that lies beside the thin one."""
    if form.has_thick:
        barcode = form.values["thick_barcode"]
        Register(store).add_slide(specimen_id, THICK, barcode, form.details.operator)
