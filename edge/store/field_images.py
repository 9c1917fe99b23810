"""The images of fields: what their files are called, and whether they are still what was stored.

A name carries the image's hash, so that replacing a field never touches the file that the field's
old row names.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from edge.contract.errors import NotFoundError, StoreError
from edge.store.files import disk_errors
from edge.store.records import FieldRecord

FIELDS_FOLDER = "fields"
_SUFFIX = re.compile(r"\.[a-z0-9]{1,5}")


def name_image(specimen_id: str, index: int, image: bytes, suffix: str) -> tuple[str, str]:
    """Path of a field's image relative to the store's folder, and its sha256.

    Raises:
        StoreError: no such suffix.
    """
    if not _SUFFIX.fullmatch(suffix):
        raise StoreError(f"image suffix is {suffix!r}; use one such as '.png'")
    sha256 = hashlib.sha256(image).hexdigest()
    return f"{FIELDS_FOLDER}/{specimen_id}/{index:05d}-{sha256[:12]}{suffix}", sha256


def remove_unnamed(home: Path, specimen_id: str, named: set[str | None]) -> None:
    """Deletes from a specimen's folder the files that no record names, half-written ones too."""
    with disk_errors(home, 0):
        for path in (home / FIELDS_FOLDER / specimen_id).glob("*"):
            if path.is_file() and path.relative_to(home).as_posix() not in named:
                path.unlink()


def read_image_bytes(home: Path, record: FieldRecord) -> bytes:
    """The image of a field, compared with the hash in its record.

    Raises:
        NotFoundError: the field has no image.
        StoreError: the file is missing, unreadable or not what was stored.
    """
    if record.image_file is None:
        raise NotFoundError(f"{_name(record)} has no image ({record.reason or 'none was given'})")
    path = home / record.image_file
    try:
        data = path.read_bytes()
    except OSError as error:
        raise StoreError(
            f"image {path} of {_name(record)} cannot be read ({error.strerror}); restore a backup"
        ) from error
    sha256 = hashlib.sha256(data).hexdigest()
    if sha256 != record.image_sha256:
        raise StoreError(
            f"image {path} of {_name(record)} is damaged: sha256 is {sha256[:12]}…, stored was "
            f"{str(record.image_sha256)[:12]}…; restore a backup"
        )
    return data


def image_problems(home: Path, record: FieldRecord, *, deep: bool) -> list[str]:
    """What is wrong with a field's image; `deep` reads it whole."""
    if record.image_file is None:
        return []
    path = home / record.image_file
    if not path.is_file():
        return [f"image {path} of {_name(record)} is missing; restore a backup"]
    try:
        if deep:
            read_image_bytes(home, record)
    except StoreError as error:
        return [str(error)]
    return []


def _name(record: FieldRecord) -> str:
    return f"field {record.index} of specimen {record.specimen_id}"
