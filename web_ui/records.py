"""The records behind the pages: the worklist in, what waits to be sent, the newest log lines."""

from __future__ import annotations

import tempfile
from pathlib import Path

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from edge.contract.errors import DataError
from edge.store.audit import Audit
from edge.store.outbox import Outbox
from edge.store.register import Register
from edge.store.text_rules import check_name
from edge.store.worklist import WorklistReport
from web_ui.context import context
from web_ui.person import given_person, person
from web_ui.uploads import safe_name

blueprint = Blueprint("records", __name__, url_prefix="/records")

LINES_AT_MOST, ITEMS_AT_MOST, BAD_LINES_SHOWN = 20, 50, 20


@blueprint.get("")
def show() -> str:
    """The page."""
    return _page()


@blueprint.post("/worklist")
def import_worklist() -> Response:
    """Takes a CSV of expected slides; lines that cannot be taken are listed."""
    name, file = given_person(), request.files.get("worklist")
    if file is None or not file.filename:
        return make_response(_page(problem="Choose a CSV file."), 422)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / safe_name(file.filename)
        file.save(path)
        try:
            by = check_name(name, "name of who imports")
            report = Register(context().store).import_worklist(path, by)
        except DataError as error:
            # The folder is of no use to who reads it.
            return make_response(_page(problem=f"{error}.".replace(f"{path} ", "")), 422)
    return make_response(_page(report))


@blueprint.post("/outbox/<int:item_id>/retry")
def retry(item_id: int) -> Response:
    """Puts an item to be sent at once."""
    Outbox(context().store).retry(item_id, given_person() or person() or "page")
    return redirect(url_for(".show") + "#outbox", 303)


def _page(report: WorklistReport | None = None, problem: str = "") -> str:
    store = context().store
    return render_template(
        "records.html",
        report=report,
        problem=problem,
        bad_lines=report.bad_lines[:BAD_LINES_SHOWN] if report else (),
        counts=Outbox(store).counts(),
        items=Outbox(store).waiting(ITEMS_AT_MOST),
        lines=Audit(store).entries(LINES_AT_MOST),
        person=person(),
    )
