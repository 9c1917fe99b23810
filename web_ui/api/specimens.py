"""Specimens: start one, follow it, stop it, look back."""

from __future__ import annotations

from flask import url_for

from edge.contract.errors import ConflictError, NotFoundError
from edge.screening.sources import DEVICE
from edge.screening.state import SpecimenRequest
from edge.store.records import FieldRecord, SpecimenDetails
from edge.store.register import Register
from edge.store.search import SpecimenFilter
from edge.store.tokens import SPECIMENS
from web_ui.api.asked import (
    FieldQuery,
    NewSpecimen,
    NewXray,
    SimulatedSlide,
    SpecimenQuery,
    UploadedSpecimen,
)
from web_ui.api.health import at_work
from web_ui.api.operations import Body, Created, Given, operation
from web_ui.api.reading import FieldError, InvalidInputError
from web_ui.api.values import Field, FieldPage, Specimen, SpecimenPage
from web_ui.context import context
from web_ui.forms import MAX_FILES, clean_label
from web_ui.guard import program
from web_ui.presenter import SpecimenView
from web_ui.starting import start, start_uploaded
from web_ui.viewing import view_specimen, view_specimens

_BUSY = {409: "Another specimen is at work, or the device may not screen."}


@operation("/specimens", tag="specimens", scope=SPECIMENS, query=SpecimenQuery, answer=SpecimenPage)
def list_specimens(query: SpecimenQuery) -> SpecimenPage:
    """The specimens, newest first, a page at a time."""
    wanted = SpecimenFilter(
        begins=query.begins,
        barcode=query.barcode,
        patient_id=query.patient_id,
        task=query.task,
        status=query.status,
        from_utc=query.from_date,
        before_utc=query.before_date,
    )
    views = view_specimens(context().service, query.limit + 1, query.after, wanted)
    shown = views[: query.limit]
    more = len(views) > query.limit
    return SpecimenPage(
        tuple(map(specimen_value, shown)), shown[-1].record.specimen_id if more else None
    )


@operation(
    "/specimens",
    "POST",
    tag="specimens",
    scope=SPECIMENS,
    body=Body(json=NewSpecimen, form=UploadedSpecimen, files="images", most_files=MAX_FILES),
    answer=Specimen,
    code=201,
    refusals=_BUSY,
)
def start_specimen(given: Given) -> Created:
    """Starts a specimen, from a camera (JSON) or from field images (form), and answers at once."""
    asked: NewSpecimen | UploadedSpecimen = given.values
    label, details = checked_label(asked.label), details_of(asked)
    if isinstance(asked, NewSpecimen):
        specimen_id = start(context(), _request(label, asked.simulated, details))
    else:
        specimen_id = start_uploaded(context(), label, details, given.files)
    made = view_specimen(context().service, specimen_id)
    return Created(specimen_value(made), url_for("api.show_specimen", specimen_id=specimen_id))


def _request(
    label: str, simulated: SimulatedSlide | None, details: SpecimenDetails
) -> SpecimenRequest:
    if simulated is not None:
        return SpecimenRequest(label, "simulated", simulated.settings(), details)
    if context().service.camera is None:
        raise ConflictError("this device has no camera; send images, or ask for a simulated slide")
    return SpecimenRequest(label, DEVICE, {}, details)


def checked_label(label: str) -> str:
    """The label as it is kept. Raises InvalidInputError where nothing of it can be."""
    cleaned = clean_label(label)
    if not cleaned:
        raise InvalidInputError([FieldError("label", "nothing of it can be printed")])
    return cleaned


def details_of(asked: NewSpecimen | UploadedSpecimen | NewXray) -> SpecimenDetails:
    """Whose specimen it is, and who asks.

    What the store would refuse later is refused before an upload is kept.

    Raises:
        ConflictError: the register has no such patient.
    """
    if asked.patient_id is not None:
        try:
            Register(context().store).patient(asked.patient_id)
        except NotFoundError as error:
            raise ConflictError(f"{error}; add the patient first") from error
    return SpecimenDetails(
        patient_id=asked.patient_id,
        operator=asked.operator or program().name,
        site=asked.site,
        barcode=asked.barcode or "",
    )


@operation("/specimens/<specimen_id>", tag="specimens", scope=SPECIMENS, answer=Specimen)
def show_specimen(specimen_id: str) -> Specimen:
    """One specimen as it is now."""
    return specimen_value(view_specimen(context().service, specimen_id))


@operation(
    "/specimens/<specimen_id>/stop", "POST", tag="specimens", scope=SPECIMENS, answer=Specimen
)
def stop_specimen(specimen_id: str) -> Specimen:
    """Ends a specimen after its current field; does nothing when it is not at work."""
    service = context().service
    service.store.specimen(specimen_id)
    if at_work(service.state()) == specimen_id:
        service.stop()
    return specimen_value(view_specimen(service, specimen_id))


@operation(
    "/specimens/<specimen_id>/fields",
    tag="specimens",
    scope=SPECIMENS,
    query=FieldQuery,
    answer=FieldPage,
)
def list_fields(specimen_id: str, query: FieldQuery) -> FieldPage:
    """The fields of a specimen by index, a page at a time, with their cells."""
    found = context().store.fields(specimen_id, query.limit + 1, query.after)
    shown = found[: query.limit]
    return FieldPage(
        tuple(map(_field, shown)), shown[-1].index if len(found) > query.limit else None
    )


def _field(record: FieldRecord) -> Field:
    return Field(
        record.index,
        record.name,
        record.usable,
        record.reason,
        record.rbc_count,
        record.positive_count,
        record.quality,
        tuple(record.cells),
        record.timings_ms,
    )


def specimen_value(view: SpecimenView) -> Specimen:
    """A specimen as the API gives it."""
    record, report = view.record, view.report
    return Specimen(
        specimen_id=record.specimen_id,
        label=record.label,
        task=record.task,
        source=record.source,
        status=view.status,
        error=view.error or view.unstored,
        started_utc=record.started_utc,
        finished_utc=record.finished_utc,
        patient_id=record.patient_id,
        barcode=record.barcode,
        site=record.site,
        operator=record.operator,
        protocol=record.protocol,
        result_status=record.result_status,
        fields_read=report.get("fields_read", 0),
        fields_refused=report.get("fields_refused", 0),
        more_fields=report.get("more_fields", 0),
        version=record.version,
    )
