"""Where a phone finds the device, and whether what it says there is encrypted."""

from __future__ import annotations

import io
import socket

import segno
from flask import Response, current_app, request
from werkzeug.wrappers import Response as AnyResponse

from edge.certificate import own_addresses, read_certificate
from edge.contract.errors import StoreError
from web_ui.context import context
from web_ui.settings.common import page


def show() -> AnyResponse:
    """Name, addresses, and a link to the certificate."""
    try:
        certificate, error = read_certificate(context().store.home), None
    except StoreError as problem:
        certificate, error = None, problem
    return page(
        "network.html",
        error,
        host=socket.gethostname(),
        addresses=addresses(),
        certificate=certificate,
        secure=bool(current_app.config["SESSION_COOKIE_SECURE"]),
    )


def code() -> Response:
    """The first address as a code for the camera of another phone."""
    drawn = io.BytesIO()
    # Dark on light in both themes: some phones read no other.
    segno.make(addresses()[0], micro=False).save(drawn, kind="svg", scale=4, light="#fff")
    return Response(drawn.getvalue(), mimetype="image/svg+xml")


def addresses() -> list[str]:
    """Where the page is in the networks of this device; at last where it was asked for now."""
    port = request.host.rpartition(":")[2]
    tail = f":{port}" if ":" in request.host and port.isdecimal() else ""
    hosts = [host for host in own_addresses() if not host.startswith("127.")]
    found = [f"{request.scheme}://{host}{tail}/" for host in hosts]
    return list(dict.fromkeys([*found, request.host_url]))
