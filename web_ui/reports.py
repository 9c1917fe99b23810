"""The one-page report of a specimen, as a file to print or to pass on."""

from __future__ import annotations

from flask import Blueprint, Response

from edge.reports.content import read_content
from edge.reports.page import render
from web_ui.context import context

blueprint = Blueprint("reports", __name__, url_prefix="/specimens/<specimen_id>")


@blueprint.get("/report.pdf")
def pdf(specimen_id: str) -> Response:
    """As PDF, shown by the browser."""
    return _file(specimen_id, "pdf", "inline")


@blueprint.get("/report.html")
def html(specimen_id: str) -> Response:
    """As one HTML file, to be saved: its own style and pictures are inside."""
    return _file(specimen_id, "html", "attachment")


def _file(specimen_id: str, suffix: str, how: str) -> Response:
    content = read_content(context().store, specimen_id, context().service.protocol)
    data = render(content, suffix)
    kind = "application/pdf" if suffix == "pdf" else "text/html; charset=utf-8"
    response = Response(data, content_type=kind)
    name = f"clinicscope-{specimen_id}.{suffix}"
    response.headers["Content-Disposition"] = f'{how}; filename="{name}"'
    response.headers["Cache-Control"] = "no-store"
    return response
