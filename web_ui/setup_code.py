"""Who may set up a device that has no admin yet: whoever is at it, and who read its set-up code."""

from __future__ import annotations

import hashlib
import hmac
import re
from urllib.parse import urlsplit

from flask import request, session

from edge.setup_code import setup_code
from web_ui.context import context

_LOOPBACK = ("127.0.0.1", "::1")
_NAMES_OF_LOOPBACK = ("localhost", *_LOOPBACK)
# A server in between, so that everyone seems to be at the device.
_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via")
_SESSION_KEY = "set_up"


def take_code(typed: str) -> bool:
    """Whether this is the code; the browser at work may set up the device then."""
    code = setup_code(context().store.home)
    if not hmac.compare_digest(_plain(typed).encode(), _plain(code).encode()):
        return False
    session[_SESSION_KEY] = _mark(code)
    return True


def may_set_up() -> bool:
    """Whether the browser at work is at the device itself, or gave its code."""
    if _is_at_device():
        return True
    mark = session.get(_SESSION_KEY)
    return isinstance(mark, str) and hmac.compare_digest(
        mark, _mark(setup_code(context().store.home))
    )


def _is_at_device() -> bool:
    """By its address. A page elsewhere, whose name was pointed here, asks for another host."""
    if request.remote_addr not in _LOOPBACK or any(name in request.headers for name in _FORWARDED):
        return False
    return urlsplit(request.host_url).hostname in _NAMES_OF_LOOPBACK


def _plain(code: str) -> str:
    return re.sub(r"[\s-]", "", code).upper()


def _mark(code: str) -> str:
    """What the cookie, which is signed but not secret, holds of it."""
    return hashlib.sha256(f"{_SESSION_KEY} {code}".encode()).hexdigest()
