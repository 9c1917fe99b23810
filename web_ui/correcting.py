"""Whose specimen it is, corrected, also after its result was signed or sent."""

from __future__ import annotations

from dataclasses import asdict, replace

from flask import Blueprint, abort, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from edge.contract.errors import ConflictError, DataError, NotFoundError
from edge.store.correcting import correct_specimen
from edge.store.records import (
    AMENDED,
    FINAL,
    Patient,
    SpecimenDetails,
    SpecimenRecord,
)
from edge.store.register import Register
from edge.store.search import Search, SpecimenFilter
from edge.store.store import Store
from edge.store.users import REVIEWER
from web_ui.context import context
from web_ui.group_words import AGE_WORDS, SEX_WORDS
from web_ui.language import gettext as _
from web_ui.language import ngettext, said
from web_ui.person import person, user
from web_ui.register_form import DEFAULTS, RegisterForm, read_register

blueprint = Blueprint("correcting", __name__, url_prefix="/specimens/<specimen_id>/correct")

_DETAILS = tuple(SpecimenDetails.__dataclass_fields__)


@blueprint.get("")
def show(specimen_id: str) -> str:
    """The form, with what is on record."""
    specimen = context().store.specimen(specimen_id)
    return _page(specimen, RegisterForm(_known(context().store, specimen), {}))


@blueprint.post("")
def store(specimen_id: str) -> Response:
    """Stores what is right; the form again where it cannot be."""
    records = context().store
    specimen = records.specimen(specimen_id)
    _refuse_operator(specimen)
    form = read_register(request.form, specimen.operator)
    if not form.errors:
        form = _with_patient(records, specimen, form)
    if form.errors:
        return make_response(_page(specimen, form), 422)
    try:
        correct_specimen(
            records,
            specimen_id,
            person(),
            request.form.get("reason", "").replace("\r\n", "\n"),
            _details(specimen, form),
            form.patient,
            request.form.get("version", default=0, type=int),
        )
    except (ConflictError, DataError) as error:
        code = 409 if isinstance(error, ConflictError) else 422
        return make_response(_page(specimen, form, said(f"{error}.")), code)
    return redirect(url_for("specimens.show", specimen_id=specimen_id), 303)


def _is_signed(specimen: SpecimenRecord) -> bool:
    return specimen.result_status in (FINAL, AMENDED)


def _refuse_operator(specimen: SpecimenRecord) -> None:
    """What changes a signed result is for those who may sign one."""
    who = user()
    if _is_signed(specimen) and not (who and who.may(REVIEWER)):
        abort(403)


def _known(records: Store, specimen: SpecimenRecord) -> dict[str, str]:
    """The inputs with what is on record."""
    values = DEFAULTS | {
        "barcode": specimen.barcode,
        "patient_id": specimen.patient_id or "",
        "site": specimen.site,
        "collected": specimen.collected_utc or "",
    }
    if specimen.patient_id:
        patient = Register(records).patient(specimen.patient_id)
        values |= {"age_band": patient.age_band, "sex": patient.sex}
    return values


def _details(specimen: SpecimenRecord, form: RegisterForm) -> SpecimenDetails:
    """All details, those that the form does not have as they were."""
    kept = SpecimenDetails(**{name: getattr(specimen, name) for name in _DETAILS})
    given = asdict(form.details)
    changed = {name: given[name] for name in ("patient_id", "site", "barcode", "collected_utc")}
    return replace(kept, **changed)


def _with_patient(records: Store, specimen: SpecimenRecord, form: RegisterForm) -> RegisterForm:
    """The form's patient as the register is to have her.

    Another one who is known is taken as she is known: a form that still shows the age of the
    wrong patient must not change the right one.
    """
    given = form.patient
    if given is None:
        return form
    try:
        known = Register(records).patient(given.patient_id)
    except NotFoundError:
        return form
    if given.patient_id == specimen.patient_id:
        return replace(form, patient=replace(given, site=known.site))
    is_same = (given.age_band, given.sex) == (known.age_band, known.sex)
    if is_same or (given.age_band, given.sex) == ("unknown", "unknown"):
        return replace(form, patient=known)
    return _ask_again(form, known)


def _ask_again(form: RegisterForm, known: Patient) -> RegisterForm:
    told = _(
        "This patient is in the register with the age and sex that stand below now. "
        "If they are right, send the form again; if not, leave them and correct them afterwards."
    )
    values = form.values | {"age_band": known.age_band, "sex": known.sex}
    return replace(form, values=values, errors={"patient_id": told})


def _page(specimen: SpecimenRecord, form: RegisterForm, problem: str = "") -> str:
    others = _others(specimen)
    who = user()
    return render_template(
        "correct.html",
        specimen=specimen,
        form=form,
        ages=AGE_WORDS,
        sex_words=SEX_WORDS,
        reason=request.form.get("reason", ""),
        signed=_is_signed(specimen),
        may=not _is_signed(specimen) or (who is not None and who.may(REVIEWER)),
        others=others,
        others_words=ngettext(
            "%(num)s other specimen is of this patient.",
            "%(num)s other specimens are of this patient.",
            others,
        ),
        problem=problem,
    )


def _others(specimen: SpecimenRecord) -> int:
    """How many other specimens a change of the patient reaches."""
    if not specimen.patient_id:
        return 0
    return Search(context().store).count(SpecimenFilter(patient_id=specimen.patient_id)) - 1
