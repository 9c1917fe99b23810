"""At the microscope: pause, go on, this field now, take a field back, go on after a power cut."""

from __future__ import annotations

from flask import Blueprint, make_response, redirect, request, url_for
from werkzeug.wrappers import Response

from edge.contract.errors import CameraError, ConflictError, DataError
from edge.screening.work import SpecimenWork
from web_ui.context import context
from web_ui.errors import ErrorText, error_page
from web_ui.language import gettext, said
from web_ui.person import person

blueprint = Blueprint("capture", __name__, url_prefix="/specimens/<specimen_id>")


@blueprint.post("/pause")
def pause(specimen_id: str) -> Response:
    """Takes no field until somebody goes on."""
    _work(specimen_id).control.pause()
    return _back(specimen_id)


@blueprint.post("/go-on")
def go_on(specimen_id: str) -> Response:
    """Ends a pause."""
    _work(specimen_id).control.go_on()
    return _back(specimen_id)


@blueprint.post("/take")
def take(specimen_id: str) -> Response:
    """Takes the field that the camera shows now."""
    _work(specimen_id).control.take()
    return _back(specimen_id)


@blueprint.post("/mode")
def choose_mode(specimen_id: str) -> Response:
    """Whether fields are taken by themselves, or each by a person."""
    _work(specimen_id).control.take_by_itself(request.form.get("automatic") == "1")
    return _back(specimen_id)


@blueprint.post("/take-back")
def take_back(specimen_id: str) -> Response:
    """Takes a field back; the form names the one that the person saw as the last."""
    index = request.form.get("field", type=int)
    if index is None:
        raise ConflictError("there is no field yet that could be taken back")
    _work(specimen_id).take_back(index, person())
    return _back(specimen_id)


@blueprint.post("/resume")
def resume(specimen_id: str) -> Response:
    """Goes on with a specimen that ended before its time."""
    try:
        context().service.resume(specimen_id, person())
    except (CameraError, ConflictError, DataError) as error:
        text = ErrorText(gettext("It cannot go on"), said(f"{error}."))
        return make_response(error_page(409, text))
    return _back(specimen_id)


def _work(specimen_id: str) -> SpecimenWork:
    context().store.specimen(specimen_id)
    return context().service.at_work(specimen_id)


def _back(specimen_id: str) -> Response:
    if request.headers.get("HX-Request") == "true":
        return Response("", 204)
    return redirect(url_for("specimens.show", specimen_id=specimen_id), 303)
