"""Records out of the device: an export or a backup started, watched, and fetched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from flask import (
    Blueprint,
    make_response,
    redirect,
    render_template,
    request,
    send_file,
    url_for,
)
from werkzeug.wrappers import Response

from edge.backup.make import BackupReport, backup_name, log_backup, make_backup, write_backup
from edge.config import load_config
from edge.contract.errors import ConfigError, NotFoundError
from edge.interop.export import Wanted, count_cases, export
from edge.interop.settings import InteropSettings
from edge.store.store import Store
from web_ui.context import context
from web_ui.jobs import BACKUP, EXPORT, Job, Result, Told
from web_ui.language import lazy_gettext, said
from web_ui.person import person
from web_ui.records_page import drives, records_page
from web_ui.taking_out import Place, read_backup, read_export

blueprint = Blueprint("exporting", __name__, url_prefix="/records")

STEP_WORDS = {
    "": lazy_gettext("Begins"),
    "exporting": lazy_gettext("Writing specimens"),
    "copying": lazy_gettext("Copying the database"),
    "writing": lazy_gettext("Writing images"),
    "reading": lazy_gettext("Reading it back, to prove that it is whole"),
}


@blueprint.post("/export")
def start_export() -> Response:
    """Begins an export and goes to its page; the form again where it cannot."""
    form, here = read_export(request.form, drives()), context()
    if form.errors or form.wanted is None:
        return make_response(records_page(export_form=form), 422)
    if form.wanted.specimen_id:
        here.store.specimen(form.wanted.specimen_id)
    folder = form.place.folder or here.jobs.folder
    try:
        settings = load_config(here.store.home).interop
    except ConfigError as error:
        wrong = replace(form, errors={"format": said(f"{error}.")})
        return make_response(records_page(export_form=wrong), 422)
    work = _export(here.store, settings, form.wanted, folder, form.place.recipients, person())
    return _start(EXPORT, form.place, work)


@blueprint.post("/backup")
def start_backup() -> Response:
    """Begins a backup and goes to its page; the form again where it cannot."""
    form = read_backup(request.form, drives())
    if form.errors:
        return make_response(records_page(backup_form=form), 422)
    here = context()
    return _start(BACKUP, form.place, _back_up(here.store, here.jobs.folder, form.place, person()))


@blueprint.get("/job")
def show() -> str:
    """The work at hand, or what came of the last one."""
    return render_template("job.html", job=_job(), steps=STEP_WORDS)


@blueprint.get("/job/part")
def part() -> Response:
    """What changes of it; asks the page to reload once it is done."""
    job = _job()
    response = make_response(render_template("_job.html", job=job, steps=STEP_WORDS))
    if not job.running:
        response.headers["HX-Refresh"] = "true"
    return response


@blueprint.get("/job/file")
def fetch() -> Response:
    """The file, for the browser to keep."""
    file = _job().file
    if file is None or not file.is_file():
        raise NotFoundError("there is no file to fetch; make it again")
    response = send_file(file, as_attachment=True, download_name=file.name, max_age=0)
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.post("/job/arrived")
def arrived() -> Response:
    """A person has the backup where it belongs; from now on these records count as backed up."""
    job, here = _job(), context()
    if isinstance(job.result, BackupReport) and job.fetched and not job.arrived:
        log_backup(here.store, job.result, person())
        here.jobs.say_arrived()
    return redirect(url_for(".show"), 303)


def _job() -> Job:
    found = context().jobs.last()
    if found is None:
        raise NotFoundError("nothing was exported or backed up since the device started")
    return found


def _start(kind: str, place: Place, work: Callable[[Told], Result]) -> Response:
    here = context()
    job = Job(kind, person(), here.store.now(), fetched=place.folder is None)
    here.jobs.start(job, work)
    return redirect(url_for(".show"), 303)


def _export(
    store: Store,
    settings: InteropSettings,
    wanted: Wanted,
    folder: Path,
    recipients: tuple[str, ...],
    by: str,
) -> Callable[[Told], Result]:
    def work(told: Told) -> Result:
        total = count_cases(store, wanted)
        return export(
            store,
            settings,
            wanted,
            folder,
            recipients,
            by,
            lambda done: told("exporting", done, total),
        )

    return work


def _back_up(store: Store, folder: Path, place: Place, by: str) -> Callable[[Told], Result]:
    keys, plain = place.recipients, not place.recipients

    def work(told: Told) -> Result:
        if place.folder is not None:
            return make_backup(store, place.folder, keys, plain=plain, by=by, told=told)
        path = folder / backup_name(store, encrypted=bool(keys))
        return write_backup(store, path, keys, plain=plain, told=told)

    return work
