"""The device's certificate on a page: what a person compares with what her phone shows of it."""

from __future__ import annotations

from io import BytesIO

import segno
from flask import Blueprint, Response, current_app, render_template

from edge.certificate import Certificate, read_certificate
from edge.contract.errors import NotFoundError
from web_ui.context import context

blueprint = Blueprint("certificate", __name__, url_prefix="/certificate")

# A line of the fingerprint on the page, in pairs of hex digits.
_PAIRS_A_LINE = 8
_SCALE_PX = 4


@blueprint.get("")
def show() -> str:
    """The fingerprint as text and as a code to scan, and until when it holds."""
    found = read_certificate(context().store.home)
    return render_template(
        "certificate.html",
        certificate=found,
        lines=fingerprint_lines(found) if found else (),
        in_use=bool(current_app.config["SESSION_COOKIE_SECURE"]),
    )


@blueprint.get("/code.svg")
def code() -> Response:
    """The fingerprint as a QR code."""
    found = read_certificate(context().store.home)
    if found is None:
        raise NotFoundError("this device has no certificate")
    drawn = BytesIO()
    # Capitals, digits and colons alone, which take the fewest squares.
    made = segno.make(f"CLINICSCOPE TLS SHA-256 {found.fingerprint}", micro=False, error="m")
    made.save(drawn, kind="svg", scale=_SCALE_PX, light="#fff", xmldecl=False)
    response = Response(drawn.getvalue(), mimetype="image/svg+xml")
    response.headers["Cache-Control"] = "no-store"
    return response


def fingerprint_lines(certificate: Certificate) -> tuple[str, ...]:
    """The fingerprint in short lines, as two people read it to each other."""
    pairs = certificate.fingerprint.split(":")
    return tuple(
        " ".join(pairs[at : at + _PAIRS_A_LINE]) for at in range(0, len(pairs), _PAIRS_A_LINE)
    )
