"""The program's own versions on the page: which is in force, and the way back that root goes."""

from __future__ import annotations

from flask import abort
from werkzeug.wrappers import Response

from edge.contract.errors import ClinicScopeError
from edge.updates.asking import ask_back
from edge.updates.standing import standing_of
from web_ui.context import context
from web_ui.person import person
from web_ui.settings.common import back, refuse_at_work
from web_ui.settings.models import overview


def go_back() -> Response:
    """Asks for the version before; root's unit stops the service and starts the other one."""
    by = person()
    if not by:
        abort(403)
    try:
        refuse_at_work()
        ask_back(context().store, standing_of(), by)
    except ClinicScopeError as error:
        return overview(error)
    return back("models")
