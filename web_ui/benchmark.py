"""Benchmark: measure this device, see what came, lay two records side by side."""

from __future__ import annotations

import json
from pathlib import Path

from flask import Blueprint, Response, abort, redirect, render_template, request, send_file, url_for
from werkzeug.wrappers import Response as AnyResponse

from edge.bench.compare import Comparison, compare, read_record
from edge.bench.schema import STEPS
from edge.contract.errors import BusyError, DataError
from edge.store.audit import Audit
from edge.store.files import disk_errors, make_folder
from web_ui.bench_view import (
    FOLDER,
    RecordView,
    digits_of,
    list_records,
    record_name,
    record_path,
    remove_oldest,
    view_record,
)
from web_ui.child_run import ChildState
from web_ui.context import context
from web_ui.device import device
from web_ui.language import gettext as _
from web_ui.person import person

blueprint = Blueprint("benchmark", __name__, url_prefix="/benchmark")

STARTED = "benchmark.started"
# Calls of each network, and fields. The short one gives an idea; a record to keep needs the long.
LENGTHS = {"short": (60, 3), "long": (1000, 20)}


@blueprint.get("")
def show() -> str:
    """The records, and what is being measured."""
    return _page()


@blueprint.get("/progress")
def progress() -> Response:
    """The part of the page that changes; asks it to reload once the record is there."""
    response = Response(_render("_benchmark.html"))
    if not device().bench.state().running:
        response.headers["HX-Refresh"] = "true"
    return response


@blueprint.post("")
def run() -> AnyResponse:
    """Begins to measure."""
    runs, fields = LENGTHS.get(request.form.get("length", ""), LENGTHS["short"])
    at_work = context().service.state().progress
    if at_work is not None and at_work.running:
        raise BusyError(_("A specimen is being screened; each would slow the other down."))
    store = context().store
    folder = store.home / FOLDER
    with disk_errors(folder, 0):
        make_folder(folder)
        remove_oldest(store.home)
    out = folder / f"{record_name(store.now())}.json"
    words = ["-m", "edge.bench.child", str(out), "--runs", str(runs), "--fields", str(fields)]
    device().bench.start([*words, *device().flags])
    Audit(store).write(person(), STARTED, "benchmark", {"runs": runs, "fields": fields})
    return redirect(url_for(".show"), 303)


@blueprint.post("/stop")
def stop() -> AnyResponse:
    """Ends it; nothing is kept of it."""
    device().bench.stop()
    return redirect(url_for(".show"), 303)


@blueprint.get("/<name>")
def see(name: str) -> str:
    """One record."""
    path = _path(name)
    try:
        record = view_record(name, read_record(path))
    except DataError as error:
        return _page(str(error))
    return render_template("benchmark_record.html", record=record, digits=digits_of)


@blueprint.get("/<name>.json")
def download(name: str) -> Response:
    """The whole record, for another program."""
    return send_file(_path(name), "application/json", as_attachment=True)


@blueprint.get("/compare")
def lay_side_by_side() -> str:
    """Two records: what changed, what differs, and what may not be said."""
    first, second = (request.args.get(which, "") for which in ("first", "second"))
    paths = _path(first), _path(second)
    try:
        records = [read_record(path) for path in paths]
        found: Comparison = compare(*records)
        views = [view_record(path.stem, one) for path, one in zip(paths, records, strict=True)]
    except DataError as error:
        return _page(str(error))
    return render_template("benchmark_compare.html", found=found, views=views, digits=digits_of)


def step_of(state: ChildState) -> int:
    """At which of STEPS the work is; 0 before the first."""
    try:
        told = json.loads(state.line or "{}").get("step")
    except ValueError:
        return 0
    return STEPS.index(told) if told in STEPS else 0


def failure_of(state: ChildState) -> str:
    """Why there is no record; empty where there is one, or none was asked for."""
    if state.running or not state.exit_code:
        return ""
    if state.exit_code < 0:
        return _("It was stopped; nothing was kept.")
    told = state.error.strip().splitlines()
    return told[-1] if told else _("It ended with code %(code)s.", code=state.exit_code)


def _path(name: str) -> Path:
    """Answers 404 where there is no such record."""
    return record_path(context().store.home, name) or abort(404)


def _page(problem: str = "") -> str:
    records: list[RecordView] = list_records(context().store.home)
    return _render("benchmark.html", records=records, problem=problem)


def _render(template: str, **values: object) -> str:
    state = device().bench.state()
    return render_template(
        template,
        run=state,
        step=step_of(state),
        steps=STEPS,
        failure=failure_of(state),
        digits=digits_of,
        **values,
    )
