"""The images of fields: what their files are called, and whether they are still what was stored.

A name carries the image's hash, so that replacing a field never touches the file that the field's
old row names.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from edge.contract.errors import NotFoundError, StoreError
from edge.store.files import disk_errors
from edge.store.records import FieldRecord
from edge.store.schema import FieldRow

FIELDS_FOLDER = "fields"
_SUFFIX = re.compile(r"\.[a-z0-9]{1,5}")


def name_image(specimen_id: str, index: int, image: bytes, suffix: str) -> tuple[str, str]:
    """Path of a field's image relative to the store's folder, and its sha256.

    Raises:
        StoreError: no such suffix.
    """
    check_suffix(suffix)
    sha256 = hashlib.sha256(image).hexdigest()
    return f"{FIELDS_FOLDER}/{specimen_id}/{index:05d}-{sha256[:12]}{suffix}", sha256


def check_suffix(suffix: str) -> None:
    """What becomes the end of a file's name. Raises StoreError."""
    if not _SUFFIX.fullmatch(suffix):
        raise StoreError(f"suffix is {suffix!r}; use one such as '.png'")


def remove_unnamed(home: Path, specimen_id: str, named: set[str | None]) -> None:
    """Deletes from a specimen's folder the files that no record names, half-written ones too."""
    with disk_errors(home, 0):
        for path in (home / FIELDS_FOLDER / specimen_id).glob("*"):
            if path.is_file() and path.relative_to(home).as_posix() not in named:
                path.unlink()


@dataclass(frozen=True)
class StoredImage:
    """What a record says of an image; `file` is relative to the store's folder."""

    specimen_id: str
    index: int
    file: str
    sha256: str | None

    def __str__(self) -> str:
        return f"field {self.index} of specimen {self.specimen_id}"

    def read(self, home: Path) -> bytes:
        """The image, compared with its hash.

        Raises:
            StoreError: the file is missing, unreadable or not what was stored.
        """
        path = home / self.file
        try:
            data = path.read_bytes()
        except OSError as error:
            raise StoreError(
                f"image {path} of {self} cannot be read ({error.strerror}); restore a backup"
            ) from error
        sha256 = hashlib.sha256(data).hexdigest()
        if sha256 != self.sha256:
            raise StoreError(
                f"image {path} of {self} is damaged: sha256 is {sha256[:12]}…, stored was "
                f"{str(self.sha256)[:12]}…; restore a backup"
            )
        return data

    def problem(self, home: Path, *, deep: bool) -> str:
        """What is wrong with it, empty when nothing is; `deep` reads it whole."""
        path = home / self.file
        if not path.is_file():
            return f"image {path} of {self} is missing; restore a backup"
        try:
            if deep:
                self.read(home)
        except StoreError as error:
            return str(error)
        return ""


def read_image_bytes(home: Path, record: FieldRecord) -> bytes:
    """The image of a field, compared with the hash in its record.

    Raises:
        NotFoundError: the field has no image.
        StoreError: the file is missing, unreadable or not what was stored.
    """
    if record.image_file is None:
        why = record.image_gone or record.reason or "none was given"
        raise NotFoundError(
            f"field {record.index} of specimen {record.specimen_id} has no image ({why})"
        )
    return StoredImage(
        record.specimen_id, record.index, record.image_file, record.image_sha256
    ).read(home)


def stored_images(session: Session) -> Iterator[StoredImage]:
    """All images that records name, by specimen and field."""
    query = select(
        FieldRow.specimen_id, FieldRow.field_index, FieldRow.image_file, FieldRow.image_sha256
    ).where(FieldRow.image_file.is_not(None))
    query = query.order_by(FieldRow.specimen_id, FieldRow.field_index)
    for specimen_id, index, file, sha256 in session.execute(query.execution_options(yield_per=500)):
        yield StoredImage(specimen_id, index, str(file), sha256)
