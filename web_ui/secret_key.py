"""The key that signs cookies: made on the device at first start, never shipped."""

from __future__ import annotations

import secrets
from pathlib import Path

from edge.store.files import disk_errors, write_durably

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
        key = path.read_bytes() if path.is_file() else b""
        if len(key) != _KEY_BYTES:
            key = secrets.token_bytes(_KEY_BYTES)
            write_durably(path, key, private=True)
        path.chmod(0o600)
    return key
