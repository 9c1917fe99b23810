"""The key that signs sessions: made on the device at first start, never shipped."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from edge.store.files import disk_errors, make_folder, sync_folder

KEY_FILE = "web_secret_key"
_KEY_BYTES = 32


def load_or_create_secret_key(home: Path) -> bytes:
    """The device's own key, readable by its owner alone.

    A file that a power cut left short is replaced; that only ends open sessions.

    Raises:
        StoreError: the key can be neither read nor written.
    """
    path = home / KEY_FILE
    with disk_errors(path, _KEY_BYTES):
        make_folder(home)
        key = path.read_bytes() if path.is_file() else b""
        if len(key) != _KEY_BYTES:
            key = secrets.token_bytes(_KEY_BYTES)
            _write_private(path, key)
        path.chmod(0o600)
    return key


def _write_private(path: Path, key: bytes) -> None:
    # Private from its first byte on: a mode set afterwards would leave a moment to read it.
    temp = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    handle = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    temp.replace(path)
    sync_folder(path.parent)
