"""Uploaded field images on their way to the service: stored under names made here.

A client's path is never used: of its last part only harmless characters are kept, for display.
Nothing is judged here either; what is no image is passed on, so that it is refused with a reason.
"""

from __future__ import annotations

import re
import secrets
import shutil
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from werkzeug.datastructures import FileStorage

from edge.store.files import disk_errors, make_folder

_UNSAFE = re.compile(r"[^\w.\-]+")
_MAX_NAME_BYTES = 120  # A file name holds 255 bytes, and a number may be added.
_BATCH = re.compile(r"[0-9a-f]{16}")


def safe_name(client_name: str) -> str:
    """The last part of a client's path with nothing left that a file system could act on."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", client_name))[-1]
    cleaned = _UNSAFE.sub("_", last).lstrip("._-")
    stem, dot, suffix = cleaned.rpartition(".")
    if dot and len(suffix) <= 5:
        room = _MAX_NAME_BYTES - len(suffix.encode()) - 1
        return f"{_cut(stem, room) or 'field'}.{suffix}"
    return _cut(cleaned, _MAX_NAME_BYTES) or "field"


def _cut(text: str, size_bytes: int) -> str:
    return text.encode("utf-8", "ignore")[:size_bytes].decode("utf-8", "ignore")


def unique_name(name: str, taken: Iterable[str]) -> str:
    """`name`, or the first of `name-2`, `name-3`, … that is free; letter case does not part two."""
    used = {other.casefold() for other in taken}
    path, number = Path(name), 1
    while name.casefold() in used:
        number += 1
        name = f"{path.stem}-{number}{path.suffix}"
    return name


def named_contents(files: Iterable[FileStorage], most_bytes: int) -> list[tuple[str, bytes]]:
    """Names that are safe to show, and contents; of one that is too large no more than shows it."""
    found: list[tuple[str, bytes]] = []
    for file in files:
        name = unique_name(safe_name(file.filename or ""), (other for other, _ in found))
        found.append((name, file.read(most_bytes + 1)))
    return found


def save_batch(files: Iterable[FileStorage], upload_dir: Path) -> list[Path]:
    """Stores files in a new folder of their own, in the order given.

    Raises:
        StorageFullError: no room; the half-stored folder is gone again.
        StoreError: the folder cannot be written.
    """
    folder = upload_dir / secrets.token_hex(8)
    paths: list[Path] = []
    with disk_errors(folder, 0):
        make_folder(folder)
        try:
            for file in files:
                name = unique_name(safe_name(file.filename or ""), (path.name for path in paths))
                paths.append(folder / name)
                file.save(paths[-1])
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    return paths


def remove_batches(upload_dir: Path) -> None:
    """Deletes earlier uploads; call only while none is being screened.

    The store keeps its own copy of each field, and a small card must not hold everything twice.
    """
    if not upload_dir.is_dir():
        return
    for folder in upload_dir.iterdir():
        if _BATCH.fullmatch(folder.name) and folder.is_dir() and not folder.is_symlink():
            shutil.rmtree(folder, ignore_errors=True)
