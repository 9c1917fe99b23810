"""The parts of the appliance that must answer for its heart to beat; see `edge.watchdog`."""

from __future__ import annotations

import http.client
import ipaddress
import ssl
from collections.abc import Callable
from contextlib import closing

from edge.cameras.supervised import STUCK_FOR_GOOD
from edge.health import FAILED, OK, Check
from edge.screening.service import ScreeningService
from edge.watchdog import HeartState

CAMERA = "camera"
# A page takes a tenth of this with fifty phones at it.
ANSWERS_WITHIN_S = 4.0
_PATH = "/healthz"


class PageAsked:
    """Asks the page at its own port, as a phone does; any answer is one.

    Args:
        host: that the page listens on.
        port: of it.
        tls: whether it is encrypted.
    """

    def __init__(self, host: str, port: int, *, tls: bool) -> None:
        self._host, self._port = own_host(host), port
        self._context = _trusting() if tls else None

    def __call__(self) -> str:
        """Why it does not answer; empty where it does."""
        try:
            with closing(self._connection()) as asked:
                asked.request("GET", _PATH)
                asked.getresponse().read()
        except (OSError, http.client.HTTPException) as error:
            return f"no answer within {ANSWERS_WITHIN_S:g} s ({type(error).__name__})"
        return ""

    def _connection(self) -> http.client.HTTPConnection:
        if self._context is None:
            return http.client.HTTPConnection(self._host, self._port, timeout=ANSWERS_WITHIN_S)
        return http.client.HTTPSConnection(
            self._host, self._port, timeout=ANSWERS_WITHIN_S, context=self._context
        )


def own_host(host: str) -> str:
    """Where this machine itself finds what listens on a host."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if not address.is_unspecified:
        return host
    return "127.0.0.1" if address.version == 4 else "::1"


def _trusting() -> ssl.SSLContext:
    """It asks itself, so that nothing has to be proven."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def camera_of(service: ScreeningService, *, restarted_for_it: bool) -> Callable[[], str]:
    """What the camera hangs in that only a restart helps against.

    Args:
        service: has the camera, which may be changed.
        restarted_for_it: the service broke off for a stuck driver before, since the device was
            switched on. It helps once or never, and whoever uploads pictures needs no camera.
    """

    def hangs() -> str:
        camera, progress = service.camera, service.state().progress
        if camera is None or (progress is not None and progress.running):
            return ""  # A specimen ends by itself when its camera does not come back.
        found = camera.hangs()
        return "" if found == STUCK_FOR_GOOD and restarted_for_it else found

    return hangs


def check_heart(state: HeartState) -> Check:
    """The appliance answers in all its parts."""
    if state.hangs:
        advice = "restart the device, then make the file for support"
        return Check("heartbeat", FAILED, state.hangs, advice)
    told = "all parts answer"
    if state.limit_s is None:
        return Check("heartbeat", OK, f"{told}; no systemd watches this process")
    return Check("heartbeat", OK, f"{told}; systemd restarts it after {state.limit_s:g} s without")
