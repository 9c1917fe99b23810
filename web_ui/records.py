"""The records behind the pages, and the worklist in."""

from __future__ import annotations

import tempfile
from pathlib import Path

from flask import Blueprint, make_response, request
from werkzeug.wrappers import Response

from edge.contract.errors import DataError
from edge.store.register import Register
from web_ui.context import context
from web_ui.language import gettext as _
from web_ui.language import said
from web_ui.person import person
from web_ui.records_page import records_page
from web_ui.uploads import safe_name

blueprint = Blueprint("records", __name__, url_prefix="/records")


@blueprint.get("")
def show() -> str:
    """The page."""
    return records_page()


@blueprint.post("/worklist")
def import_worklist() -> Response:
    """Takes a CSV of expected slides; lines that cannot be taken are listed."""
    file = request.files.get("worklist")
    if file is None or not file.filename:
        return make_response(records_page(problem=_("Choose a CSV file.")), 422)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / safe_name(file.filename)
        file.save(path)
        try:
            report = Register(context().store).import_worklist(path, person())
        except DataError as error:
            # The folder is of no use to who reads it.
            problem = said(f"{error}.".replace(f"{path} ", ""))
            return make_response(records_page(problem=problem), 422)
    return make_response(records_page(report))
