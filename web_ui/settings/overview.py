"""The first page of settings, and starting the service anew."""

from __future__ import annotations

from flask import redirect, render_template, url_for
from werkzeug.wrappers import Response

from edge.installed import list_bundles
from edge.store.audit import Audit
from edge.store.users import Users
from web_ui.context import context
from web_ui.device import device
from web_ui.person import person
from web_ui.settings.common import page, refuse_at_work

RESTARTED = "service.restarted"


def show() -> Response:
    """Every page of settings that this person may open, with what is set there now."""
    store = context().store
    return page(
        "overview.html",
        users=[one for one in Users(store).all() if not one.disabled],
        bundles=[one for one in list_bundles(store.home) if one.active],
        state=context().service.state(),
    )


def restart() -> Response:
    """Starts the service anew. Raises BusyError while a specimen is being screened."""
    refuse_at_work()
    Audit(context().store).write(person(), RESTARTED, "service", {})
    device().restart.ask()
    return redirect(url_for("settings.restarting"), 303)


def restarting() -> str:
    """Waits, on the phone, until the service answers again."""
    return render_template("settings/restarting.html")
