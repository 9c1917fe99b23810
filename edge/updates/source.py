"""Where an update lies: a folder, or the same as a zip, read as streams; nothing is executed.

Owns unpacking: only what SIGNATURE lists, each file held against its sha256, all in one new folder.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from edge.contract.errors import IntegrityError, SignatureError, StorageFullError, UpdateError
from edge.store.files import disk_errors, make_folder, sync_folder
from edge.updates.signature import MOST_BYTES, SIGNATURE_FILE, Envelope, parse_envelope

CHUNK_BYTES = 1024 * 1024
# What a card keeps for the records while an update is unpacked.
KEPT_FREE_BYTES = 32 * 1024 * 1024
_ZIP_FAULTS = (
    zipfile.BadZipFile,
    zlib.error,
    NotImplementedError,
    RuntimeError,
    EOFError,
    ValueError,
)


class UpdateSource:
    """An update's files by name. Use it as a context.

    Args:
        path: a folder or a zip.

    Raises:
        UpdateError: nothing is there, it is no zip, or holds two files of one name.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._zip: zipfile.ZipFile | None = None
        if path.is_dir():
            self._sizes = dict(_folder_sizes(path))
            return
        try:
            self._zip = zipfile.ZipFile(path)
        except FileNotFoundError as error:
            raise UpdateError(f"no update at {path}; check the path") from error
        except (OSError, *_ZIP_FAULTS) as error:
            raise UpdateError(
                f"{path} is neither a folder nor a whole zip ({error}); copy it again"
            ) from error
        entries = [entry for entry in self._zip.infolist() if not entry.is_dir()]
        self._sizes = {entry.filename: entry.file_size for entry in entries}
        if len(self._sizes) != len(entries):
            self._zip.close()
            raise UpdateError(f"{path} holds two files of the same name; refused")

    def __enter__(self) -> UpdateSource:
        return self

    def __exit__(self, *_: object) -> None:
        if self._zip:
            self._zip.close()

    @property
    def sizes(self) -> dict[str, int]:
        """Bytes of each file as it is said to be; a zip may lie."""
        return dict(self._sizes)

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """A file of it as a stream.

        Raises:
            IntegrityError: it cannot be read.
        """
        try:
            with self._zip.open(name) if self._zip else (self.path / name).open("rb") as file:
                yield file
        except (KeyError, OSError, *_ZIP_FAULTS) as error:
            raise IntegrityError(
                f"{name} in {self.path} cannot be read ({error}); copy the update again"
            ) from error

    def chunks(self, name: str) -> Iterator[bytes]:
        """The bytes of a file. Raises IntegrityError."""
        with self.open(name) as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk


def read_envelope(source: UpdateSource) -> Envelope:
    """What an update says of itself; nothing of it is checked but its form.

    Raises:
        SignatureError: it has no SIGNATURE, or a damaged one.
        IntegrityError: it cannot be read.
    """
    if SIGNATURE_FILE not in source.sizes:
        raise SignatureError(
            f"{source.path} is not signed: it holds no {SIGNATURE_FILE}; sign it with `clinicscope "
            "bundle sign`"
        )
    with source.open(SIGNATURE_FILE) as file:
        data = file.read(MOST_BYTES)
    return parse_envelope(data)


def unpack(source: UpdateSource, envelope: Envelope, into: Path, limit_bytes: int) -> None:
    """Copies the files that the envelope lists, each one checked, and syncs them to the disk.

    Args:
        source: where they are.
        envelope: its signature is checked already.
        into: a new folder; the caller removes it where this fails.
        limit_bytes: no update of this kind is larger.

    Raises:
        IntegrityError: a file is missing, not listed, altered or cut off.
        UpdateError: it is too large.
        StorageFullError: no room.
    """
    _check_names(source, envelope)
    _check_room(source, envelope, into, limit_bytes)
    left = limit_bytes
    with disk_errors(into, 0):
        make_folder(into)
        for name, sha256 in sorted(envelope.files.items()):
            left -= _copy(source, name, sha256, into / name, left)
        if SIGNATURE_FILE in source.sizes:
            _copy(source, SIGNATURE_FILE, "", into / SIGNATURE_FILE, MOST_BYTES)
        for folder in {path.parent for path in into.rglob("*")}:
            sync_folder(folder)


def check_files(source: UpdateSource, envelope: Envelope) -> None:
    """Reads every file against its sha256, without copying. Raises IntegrityError."""
    _check_names(source, envelope)
    for name, sha256 in sorted(envelope.files.items()):
        digest = hashlib.sha256()
        for chunk in source.chunks(name):
            digest.update(chunk)
        _compare(source, name, digest.hexdigest(), sha256)


def _check_names(source: UpdateSource, envelope: Envelope) -> None:
    there, listed = set(source.sizes) - {SIGNATURE_FILE}, set(envelope.files)
    if missing := sorted(listed - there):
        raise IntegrityError(f"{missing[0]} is missing from {source.path}; copy the update again")
    if extra := sorted(there - listed):
        raise IntegrityError(
            f"{source.path} holds {extra[0][:80]!r}, which its {SIGNATURE_FILE} does not list; "
            "get it anew from who made it"
        )


def _check_room(source: UpdateSource, envelope: Envelope, into: Path, limit_bytes: int) -> None:
    size = sum(source.sizes[name] for name in envelope.files)
    if size > limit_bytes:
        raise UpdateError(
            f"{source.path} unpacks to {size:,} bytes; {limit_bytes:,} are allowed; refused"
        )
    make_folder(into.parent)
    free = shutil.disk_usage(into.parent).free
    if free < size + KEPT_FREE_BYTES:
        raise StorageFullError(
            f"no room for {envelope}: {size:,} bytes are needed and {KEPT_FREE_BYTES:,} kept free, "
            f"{free:,} bytes are free; free some space and try again. What is in use is untouched"
        )


def _copy(source: UpdateSource, name: str, sha256: str, to: Path, left_bytes: int) -> int:
    """Returns how many bytes it has; `sha256` is not asked where it is empty."""
    make_folder(to.parent)
    digest, size = hashlib.sha256(), 0
    with to.open("xb") as file:
        for chunk in source.chunks(name):
            size += len(chunk)
            if size > left_bytes:
                raise UpdateError(
                    f"{name} in {source.path} unpacks to more than it says; refused: it would fill "
                    "the card"
                )
            digest.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    if sha256:
        _compare(source, name, digest.hexdigest(), sha256)
    return size


def _compare(source: UpdateSource, name: str, found: str, sha256: str) -> None:
    if found != sha256:
        raise IntegrityError(
            f"{name} in {source.path} has sha256 {found[:12]}…, its {SIGNATURE_FILE} says "
            f"{sha256[:12]}…; copy the update again"
        )


def _folder_sizes(path: Path) -> Iterator[tuple[str, int]]:
    """Of every file below. A link is none of an update's: it may lead anywhere."""
    for found in sorted(path.rglob("*")):
        if found.is_symlink():
            raise UpdateError(f"{found} is a link; an update holds files alone")
        if found.is_file():
            yield found.relative_to(path).as_posix(), found.stat().st_size
        elif not found.is_dir():
            raise UpdateError(f"{found} is no file; an update holds files alone")
