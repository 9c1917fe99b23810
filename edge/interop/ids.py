"""Ids that depend on nothing but what they name: the same record sent twice is one record."""

from __future__ import annotations

import hashlib
from uuid import NAMESPACE_URL, UUID, uuid5

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SIGNS = _LETTERS + "0123456789"
# A DICOM UID from a UUID: PS3.5 annex B.2.
_UUID_ROOT = "2.25."


def uuid_of(base: str, *parts: str) -> UUID:
    """Version 5 of RFC 4122.

    Args:
        base: the site's `identifier_base`.
        parts: what is named, such as "specimen" and its id.
    """
    # A length before each part, or ("a", "b/c") would be ("a/b", "c").
    return uuid5(NAMESPACE_URL, base + "".join(f"/{len(part)}:{part}" for part in parts))


def dicom_uid(base: str, *parts: str) -> str:
    """A DICOM UID of at most 44 characters."""
    return f"{_UUID_ROOT}{uuid_of(base, *parts).int}"


def dhis2_uid(base: str, *parts: str) -> str:
    """A DHIS2 id: a letter and ten letters or digits."""
    number = int.from_bytes(hashlib.sha256(uuid_of(base, *parts).bytes).digest()[:16], "big")
    number, first = divmod(number, len(_LETTERS))
    found = _LETTERS[first]
    for _ in range(10):
        number, index = divmod(number, len(_SIGNS))
        found += _SIGNS[index]
    return found
