"""Who may set up a device that has no admin yet: whoever is at it, and who read its set-up code.

The code is made on the device, shown where it starts and kept in a file of the data directory that
its owner alone can read; with the first admin it is gone.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from pathlib import Path
from urllib.parse import urlsplit

from flask import request, session

from edge.store.files import disk_errors, write_durably
from edge.store.store import Store
from edge.store.users import Users
from web_ui.context import context

FILE = "setup-code"
# None that looks like another: 30 to the power of 8 is 39 bits, and `web_ui.limits` counts guesses.
_SIGNS, _LENGTH = "23456789ABCDEFGHJKMNPQRSTVWXYZ", 8
_CODE = re.compile(f"[{_SIGNS}]{{4}}-[{_SIGNS}]{{4}}")
_LOOPBACK = ("127.0.0.1", "::1")
_NAMES_OF_LOOPBACK = ("localhost", *_LOOPBACK)
# A server in between, so that everyone seems to be at the device.
_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via")
_SESSION_KEY = "set_up"


def setup_code(home: Path) -> str:
    """The device's code, such as "7KQM-2XRD"; made where there is none that is whole.

    Raises:
        StoreError: it can be neither read nor written.
    """
    path = home / FILE
    with disk_errors(path, _LENGTH):
        code = path.read_text("utf-8", "replace").strip() if path.is_file() else ""
        if not _CODE.fullmatch(code):
            signs = "".join(secrets.choice(_SIGNS) for _ in range(_LENGTH))
            code = f"{signs[:4]}-{signs[4:]}"
            write_durably(path, f"{code}\n".encode(), private=True)
        path.chmod(0o600)
    return code


def code_in_force(store: Store) -> str:
    """The code, for the console; empty where the device has its admin, and then it is gone.

    Raises:
        StoreError: it can be neither read nor written.
    """
    if not Users(store).exist():
        return setup_code(store.home)
    forget_setup_code(store.home)
    return ""


def forget_setup_code(home: Path) -> None:
    """Removes the code; does nothing where there is none. Raises StoreError."""
    with disk_errors(home / FILE, 0):
        (home / FILE).unlink(missing_ok=True)


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
