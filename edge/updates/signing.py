"""The engineer's side: describing an update's files and writing its SIGNATURE beside them."""

from __future__ import annotations

import hashlib
import os
import shutil
import zipfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from edge.contract.bundle import open_bundle
from edge.contract.errors import SignatureError
from edge.store.files import TEMP_SUFFIX, disk_errors, sync_folder, write_durably
from edge.updates.keys import SecretKey
from edge.updates.signature import (
    BUNDLE,
    SCHEMA_VERSION,
    SIGNATURE_FILE,
    Envelope,
    format_envelope,
    is_file_name,
    sign_envelope,
)
from edge.updates.source import UpdateSource


def describe(
    path: Path,
    kind: str,
    name: str,
    version: int,
    devices: Iterable[str],
    sites: Iterable[str],
    now_utc: str,
) -> Envelope:
    """What SIGNATURE will say of an update, unsigned.

    Args:
        path: a folder or zip; a SIGNATURE in it is passed over.

    Raises:
        IntegrityError, UpdateError: it cannot be read.
        SignatureError: it holds a file that no update may hold.
    """
    files = {}
    with UpdateSource(path) as source:
        for file in sorted(set(source.sizes) - {SIGNATURE_FILE}):
            if not is_file_name(file):
                raise SignatureError(f"{path} holds {file!r}, which no update may; remove it")
            digest = hashlib.sha256()
            for chunk in source.chunks(file):
                digest.update(chunk)
            files[file] = digest.hexdigest()
    return Envelope(
        SCHEMA_VERSION, kind, name, version, tuple(devices), tuple(sites), files, "", now_utc
    )


def describe_bundle(
    path: Path, devices: Iterable[str], sites: Iterable[str], now_utc: str
) -> Envelope:
    """See `describe`; name and version are those of the bundle, which must be intact.

    Raises:
        BundleError: it is none, or damaged.
    """
    manifest = open_bundle(path).manifest
    return describe(path, BUNDLE, manifest.task, manifest.version, devices, sites, now_utc)


def sign_update(path: Path, unsigned: Envelope, key: SecretKey) -> Envelope:
    """Signs an update where it lies; an earlier signature of it is replaced.

    Raises:
        SignatureError: it says what no device would take.
        StoreError: it cannot be written; it is then as it was.
    """
    signed = sign_envelope(unsigned, key)
    content = format_envelope(signed)
    if path.is_dir():
        write_durably(path / SIGNATURE_FILE, content)
    else:
        _into_zip(path, content)
    return signed


def _into_zip(path: Path, content: bytes) -> None:
    temp = path.with_name(f".{path.name}{TEMP_SUFFIX}")
    with disk_errors(path, path.stat().st_size):
        try:
            with zipfile.ZipFile(path) as old, zipfile.ZipFile(temp, "w") as new:
                for entry in old.infolist():
                    if entry.filename != SIGNATURE_FILE:
                        with old.open(entry) as read, new.open(entry, "w") as written:
                            shutil.copyfileobj(read, written)
                new.writestr(SIGNATURE_FILE, content, zipfile.ZIP_DEFLATED)
            with temp.open("rb") as file:
                os.fsync(file.fileno())
            temp.replace(path)
            sync_folder(path.parent)
        finally:
            with suppress(FileNotFoundError):
                temp.unlink()
