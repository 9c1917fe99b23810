"""Where a phone finds the device, by its own Wi-Fi too, and whether what it says is encrypted."""

from __future__ import annotations

import io
import socket

import segno
from flask import Response, current_app, request
from werkzeug.wrappers import Response as AnyResponse

from edge.certificate import own_addresses, read_certificate
from edge.contract.errors import ClinicScopeError, NotFoundError
from edge.hotspot import ADDRESS, Hotspot, read_hotspot
from edge.identity import DEVICE_FILE, device_name
from web_ui.context import context
from web_ui.settings.common import page


def show() -> AnyResponse:
    """Name, addresses, and a link to the certificate."""
    certificate, hotspot, error = None, None, None
    try:
        certificate = read_certificate(context().store.home)
        hotspot = read_hotspot()
    except ClinicScopeError as problem:
        error = problem
    return page(
        "network.html",
        error,
        hotspot=hotspot,
        host=socket.gethostname(),
        addresses=addresses(),
        certificate=certificate,
        secure=bool(current_app.config["SESSION_COOKIE_SECURE"]),
    )


def code() -> Response:
    """The first address as a code for the camera of another phone."""
    return _drawn(addresses()[0])


def hotspot_code() -> Response:
    """The device's own Wi-Fi as a code that a phone joins by. Raises NotFoundError without one."""
    return _drawn(_own_hotspot().to_join())


def page_code() -> Response:
    """The address at the hotspot as a code."""
    return _drawn(f"https://{ADDRESS}/")


def label() -> AnyResponse:
    """What is printed and stuck to the device: two codes, in words too. Raises NotFoundError."""
    home = context().store.home
    name = device_name(home) if (home / DEVICE_FILE).exists() else ""
    return page("label.html", hotspot=_own_hotspot(), address=f"https://{ADDRESS}/", name=name)


def _own_hotspot() -> Hotspot:
    found = read_hotspot()
    if found is None:
        raise NotFoundError("this device has no Wi-Fi of its own")
    return found


def _drawn(text: str) -> Response:
    drawn = io.BytesIO()
    # Dark on light in both themes: some phones read no other.
    segno.make(text, micro=False).save(drawn, kind="svg", scale=4, light="#fff")
    response = Response(drawn.getvalue(), mimetype="image/svg+xml")
    response.headers["Cache-Control"] = "no-store"
    return response


def addresses() -> list[str]:
    """Where the page is in the networks of this device; at last where it was asked for now."""
    port = request.host.rpartition(":")[2]
    tail = f":{port}" if ":" in request.host and port.isdecimal() else ""
    hosts = [host for host in own_addresses() if not host.startswith("127.")]
    found = [f"{request.scheme}://{host}{tail}/" for host in hosts]
    return list(dict.fromkeys([*found, request.host_url]))
