"""Safe mode: the page without camera and networks, after the service broke off again and again.

It says why in one sentence and what to do. What a person needs for that works as ever: updates and
the way back, records and backups, the checks, the file for support.
"""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Flask, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from edge.config import DeviceConfig
from edge.contract.errors import BundleError
from edge.screening.classifier import Classifier
from edge.screening.screener import Screener
from edge.screening.service import ScreeningService
from edge.starts import excuse
from edge.store.audit import Audit
from edge.store.store import Store
from web_ui.context import context
from web_ui.device import device
from web_ui.person import person

blueprint = Blueprint("safe_mode", __name__, url_prefix="/safe-mode")

LEFT = "service.safe_mode_left"


def open_safely(home: Path, config: DeviceConfig, reason: str) -> ScreeningService:
    """The records with nothing that could break off.

    Raises:
        StoreError: they cannot be opened.
    """
    why = f"{reason}; nothing is screened until it is started normally"
    return ScreeningService(Store(home), _nothing, config.protocol, safe_mode=why)


def _nothing() -> Screener:
    raise BundleError("no bundle is opened in safe mode")


def no_bundle(task: str) -> Classifier:
    """Opens none. Raises BundleError."""
    raise BundleError(f"no bundle is opened for {task} in safe mode; start it normally first")


def lead_there(app: Flask) -> None:
    """Whoever opens the first page of a device in safe mode is led to the page that says so."""
    app.jinja_env.globals["safe_mode"] = app.extensions["clinicscope"].service.safe_mode

    def lead() -> Response | None:
        is_first = request.endpoint == "today.show" and context().service.safe_mode
        return redirect(url_for("safe_mode.show")) if is_first else None

    app.before_request(lead)


@blueprint.get("")
def show() -> str | Response:
    """Why, and what to do."""
    if not context().service.safe_mode:
        return redirect(url_for("today.show"), 303)
    return render_template("safe_mode.html")


@blueprint.post("/leave")
def leave() -> str | Response:
    """Starts normally: the restart budget begins anew."""
    if not context().service.safe_mode:
        return redirect(url_for("today.show"), 303)
    Audit(context().store).write(person(), LEFT, "service", {})
    excuse(context().store.home)
    device().restart.ask()
    return redirect(url_for("safe_mode.leaving"), 303)


@blueprint.get("/leaving")
def leaving() -> str:
    """Waits, on the phone, until the service answers again."""
    return render_template("settings/restarting.html", back=url_for("today.show"))
