"""What the device is and is not, and whether it is well."""

from __future__ import annotations

from ipaddress import ip_address

from flask import Blueprint, Response, jsonify, render_template, request

from web_ui.context import context
from web_ui.live_checks import quick_checks

blueprint = Blueprint("about", __name__)


@blueprint.get("/about")
def show() -> str:
    """The notice, what runs, and the limits."""
    return render_template("about.html", state=context().service.state())


@blueprint.get("/healthz")
def health() -> tuple[Response, int]:
    """200 when the device may screen, 503 otherwise.

    Asked with `?checks` from the device itself, it tells the state of each quick check as well.
    """
    ready = context().service.state().ready
    told: dict[str, object] = {"status": "ok" if ready else "unready"}
    if "checks" in request.args and _is_own(request.remote_addr):
        told["checks"] = {check.name: check.state for check in quick_checks()}
    return jsonify(told), 200 if ready else 503


def _is_own(address: str | None) -> bool:
    return address is not None and ip_address(address).is_loopback
