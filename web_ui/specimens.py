"""Specimens: start one, watch it, read its result, look back."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response as AnyResponse

from edge.contract.errors import ClinicScopeError, StorageFullError
from edge.screening.state import SpecimenRequest
from edge.signing import read_review
from edge.statistics.counts import sites
from edge.store.records import AGE_BANDS, SEXES
from web_ui import xrays
from web_ui.camera import view_camera
from web_ui.context import context
from web_ui.device import device
from web_ui.finding import STATE_WORDS, read_search
from web_ui.forms import (
    MAX_FIELDS,
    MAX_LABEL_CHARACTERS,
    FormResult,
    clean_label,
    defaults,
    read_form,
)
from web_ui.gallery import specimen_gallery
from web_ui.group_words import TASK_WORDS
from web_ui.language import said
from web_ui.next_label import next_label
from web_ui.person import person
from web_ui.presenter import SpecimenView
from web_ui.register_form import SMEARS, RegisterForm, read_register
from web_ui.registering import Expected, add_thick, expected, register_patient, waiting
from web_ui.starting import start, start_uploaded
from web_ui.viewing import view_specimen, view_specimens

blueprint = Blueprint("specimens", __name__, url_prefix="/specimens")

PAGE_LENGTH = 20
# More pictures than this are fetched only when asked for; the most suspicious come first.
CELLS_AT_FIRST, CELLS_AT_MOST = 12, 500


@blueprint.get("")
def history() -> Response:
    """All specimens, or those that are asked for, a page at a time."""
    before, search, here = request.args.get("before"), read_search(request.args), context()
    views: list[SpecimenView] = []
    if not search.problem:
        views = view_specimens(here.service, PAGE_LENGTH + 1, before, search.wanted)
    page = render_template(
        "specimens.html",
        views=views[:PAGE_LENGTH],
        older=views[PAGE_LENGTH - 1].record.specimen_id if len(views) > PAGE_LENGTH else None,
        first=before is None,
        search=search,
        states=STATE_WORDS,
        tasks=TASK_WORDS,
        sites=[(site, site) for site in sites(here.store)],
    )
    return make_response(page, 422 if search.problem else 200)


@blueprint.get("/new")
def new() -> Response:
    """The form; of an expected slide with what the worklist knows of it."""
    found = expected(context().store, request.args.get("barcode", "").strip())
    found = found.at(device().live.current.page.clinic)
    asked = clean_label(request.args.get("label", ""))[:MAX_LABEL_CHARACTERS]
    values = defaults(_has_camera()) | {"label": found.barcode if found.found else asked}
    return _form(FormResult(values, {}, {}), found)


def _has_camera() -> bool:
    return context().service.camera is not None


@blueprint.post("/new")
def create() -> AnyResponse:
    """Starts a specimen and goes to its page; the form again where it cannot start."""
    files = [file for file in request.files.getlist("images") if file.filename]
    result = read_form(request.form, len(files), _has_camera())
    register = read_register(request.form, person())
    if not result.errors and not register.errors:
        register = register_patient(context().store, register)
    if result.errors or register.errors:
        return _form(result, Expected(register), 422)
    try:
        specimen_id = _start(result, register, files)
        add_thick(context().store, specimen_id, register)
    except ClinicScopeError as error:
        code = 507 if isinstance(error, StorageFullError) else 409
        return _form(result, Expected(register), code, said(error))
    return redirect(url_for(".show", specimen_id=specimen_id), 303)


def _start(result: FormResult, register: RegisterForm, files: list[FileStorage]) -> str:
    label, source, details = result.values["label"], result.values["source"], register.details
    if source == "upload":
        return start_uploaded(context(), label, details, files)
    return start(context(), SpecimenRequest(label, source, result.settings, details))


def _form(result: FormResult, found: Expected, code: int = 200, problem: str = "") -> Response:
    form = FormResult(
        result.values | found.form.values, result.settings, result.errors | found.form.errors
    )
    page = render_template(
        "specimen_new.html",
        form=form,
        expected=found,
        worklist=waiting(context().store),
        age_bands=AGE_BANDS,
        sexes=SEXES,
        smears=SMEARS,
        problem=problem,
        state=context().service.state(),
        max_fields=MAX_FIELDS,
        suggestion=_suggestion(),
    )
    return make_response(page, code)


def _suggestion() -> str:
    """The label after the newest specimen's; empty where there is none to follow."""
    newest = context().store.specimens(1)
    return next_label(newest[0].label) if newest else ""


@blueprint.get("/<specimen_id>")
def show(specimen_id: str) -> str:
    """A specimen: its progress while it runs, then its result with the evidence."""
    view = view_specimen(context().service, specimen_id)
    if view.is_xray:
        return xrays.result_page(view)
    if view.running:
        camera = context().service.camera if view.by_camera else None
        return render_template("specimen_running.html", view=view, camera=view_camera(camera))
    return _result(view, show_all="all" in request.args)


def _result(view: SpecimenView, *, show_all: bool) -> str:
    limit = CELLS_AT_MOST if show_all else CELLS_AT_FIRST
    found = read_review(context().store, view.record.specimen_id, context().service.protocol)
    return render_template(
        "specimen_result.html",
        view=view,
        fields=found.fields,
        found=found,
        gallery=specimen_gallery(found.fields, found.cells, limit),
        show_all=show_all,
    )


@blueprint.get("/<specimen_id>/progress")
def progress(specimen_id: str) -> Response:
    """The part of the page that changes; asks the page to reload once its buttons are others."""
    view = view_specimen(context().service, specimen_id)
    response = make_response(render_template("_progress.html", view=view, by_htmx=True))
    if not view.running or _is_other(view):
        response.headers["HX-Refresh"] = "true"
    return response


def _is_other(view: SpecimenView) -> bool:
    """Another person paused it, or chose how fields are taken, since the page was made."""
    now = {"paused": view.paused, "automatic": view.automatic}
    return any(request.args.get(name, type=int) == int(not state) for name, state in now.items())


@blueprint.post("/<specimen_id>/stop")
def stop(specimen_id: str) -> AnyResponse:
    """Ends this specimen after its current field; does nothing when it is not at work."""
    service = context().service
    at_work = service.state().progress
    service.store.specimen(specimen_id)
    if at_work is not None and at_work.running and at_work.specimen_id == specimen_id:
        service.stop()
    return redirect(url_for(".show", specimen_id=specimen_id), 303)
