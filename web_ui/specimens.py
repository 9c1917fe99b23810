"""Specimens: start one, watch it, read its result, look back."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response as AnyResponse

from edge.contract.errors import BusyError, ClinicScopeError, StorageFullError
from edge.screening.state import SpecimenRequest
from web_ui.camera import view_camera
from web_ui.context import context
from web_ui.forms import MAX_FIELDS, FormResult, defaults, read_form
from web_ui.gallery import specimen_gallery
from web_ui.presenter import SpecimenView, view_specimen, view_specimens
from web_ui.uploads import remove_batches, save_batch

blueprint = Blueprint("specimens", __name__, url_prefix="/specimens")

PAGE_LENGTH = 20
# More pictures than this are fetched only when asked for; the most suspicious come first.
CELLS_AT_FIRST, CELLS_AT_MOST = 18, 500


@blueprint.get("")
def history() -> str:
    """All specimens, a page at a time."""
    before = request.args.get("before")
    views = view_specimens(context().service, PAGE_LENGTH + 1, before)
    older = views[PAGE_LENGTH - 1].record.specimen_id if len(views) > PAGE_LENGTH else None
    return render_template(
        "specimens.html", views=views[:PAGE_LENGTH], older=older, first=before is None
    )


@blueprint.get("/new")
def new() -> Response:
    """The form."""
    return _form(FormResult(defaults(_has_camera()), {}, {}))


def _has_camera() -> bool:
    return context().service.camera is not None


@blueprint.post("/new")
def create() -> AnyResponse:
    """Starts a specimen and goes to its page; the form again where it cannot start."""
    files = [file for file in request.files.getlist("images") if file.filename]
    result = read_form(request.form, len(files), _has_camera())
    if result.errors:
        return _form(result, 422)
    try:
        specimen_id = _start(result, files)
    except ClinicScopeError as error:
        return _form(result, 507 if isinstance(error, StorageFullError) else 409, str(error))
    return redirect(url_for(".show", specimen_id=specimen_id), 303)


def _start(result: FormResult, files: list[FileStorage]) -> str:
    here = context()
    label, source = result.values["label"], result.values["source"]
    with here.starting:
        if source != "upload":
            return here.service.start(SpecimenRequest(label, source, result.settings))
        _refuse_when_busy()
        remove_batches(here.upload_dir)
        paths = save_batch(files, here.upload_dir)
        try:
            settings = {"sources": [str(path) for path in paths]}
            return here.service.start(SpecimenRequest(label, source, settings))
        except ClinicScopeError:
            remove_batches(here.upload_dir)
            raise


def _refuse_when_busy() -> None:
    """Before earlier uploads are removed: one of them may be at work."""
    progress = context().service.state().progress
    if progress is not None and progress.running:
        raise BusyError(f"“{progress.label}” is being screened; wait for it or stop it first")


def _form(result: FormResult, code: int = 200, problem: str = "") -> Response:
    state = context().service.state()
    page = render_template(
        "specimen_new.html", form=result, problem=problem, state=state, max_fields=MAX_FIELDS
    )
    return make_response(page, code)


@blueprint.get("/<specimen_id>")
def show(specimen_id: str) -> str:
    """A specimen: its progress while it runs, then its result with the evidence."""
    view = view_specimen(context().service, specimen_id)
    if view.running:
        camera = context().service.camera if view.by_camera else None
        return render_template("specimen_running.html", view=view, camera=view_camera(camera))
    return _result(view, show_all="all" in request.args)


def _result(view: SpecimenView, *, show_all: bool) -> str:
    store = context().store
    limit = CELLS_AT_MOST if show_all else CELLS_AT_FIRST
    fields = store.fields(view.record.specimen_id)
    return render_template(
        "specimen_result.html",
        view=view,
        fields=fields,
        gallery=specimen_gallery(store, view.record.specimen_id, fields, limit),
        show_all=show_all,
    )


@blueprint.get("/<specimen_id>/progress")
def progress(specimen_id: str) -> Response:
    """The part of the page that changes; asks the page to reload once the result is stored."""
    view = view_specimen(context().service, specimen_id)
    response = make_response(render_template("_progress.html", view=view))
    if not view.running:
        response.headers["HX-Refresh"] = "true"
    return response


@blueprint.post("/<specimen_id>/stop")
def stop(specimen_id: str) -> AnyResponse:
    """Ends this specimen after its current field; does nothing when it is not at work."""
    service = context().service
    at_work = service.state().progress
    service.store.specimen(specimen_id)
    if at_work is not None and at_work.running and at_work.specimen_id == specimen_id:
        service.stop()
    return redirect(url_for(".show", specimen_id=specimen_id), 303)
