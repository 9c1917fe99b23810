"""The code with which a device that has no admin yet is set up from another machine.

It is made on the device, shown where it starts and kept in a file of the data directory that its
owner alone can read; with the first admin it is gone.
"""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path

from edge.store.files import disk_errors, write_durably
from edge.store.store import Store
from edge.store.users import Users

FILE = "setup-code"
# None that looks like another: 30 to the power of 8 is 39 bits, and `web_ui.limits` counts guesses.
_SIGNS, _LENGTH = "23456789ABCDEFGHJKMNPQRSTVWXYZ", 8
_CODE = re.compile(f"[{_SIGNS}]{{4}}-[{_SIGNS}]{{4}}")


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


def kept_code(home: Path) -> str:
    """The code that is kept, for root to show; empty where there is none. No link is followed."""
    try:
        with os.fdopen(os.open(home / FILE, os.O_RDONLY | os.O_NOFOLLOW), encoding="ascii") as file:
            code = file.read(2 * _LENGTH).strip()
    except (OSError, UnicodeDecodeError):
        return ""
    return code if _CODE.fullmatch(code) else ""


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
