"""What the device is and is not, and whether it is well."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, render_template

from web_ui.context import context

blueprint = Blueprint("about", __name__)


@blueprint.get("/about")
def show() -> str:
    """The notice, what runs, and the limits."""
    return render_template("about.html", state=context().service.state())


@blueprint.get("/healthz")
def health() -> tuple[Response, int]:
    """200 when the device may screen, 503 otherwise."""
    ready = context().service.state().ready
    return jsonify(status="ok" if ready else "unready"), 200 if ready else 503
