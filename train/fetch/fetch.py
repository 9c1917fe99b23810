"""Fetching one data set: download, hash, unpack; and the lock file of hashes first met here."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge.contract.errors import DataError
from train.fetch.catalogue import Archive
from train.fetch.download import download
from train.fetch.unpack import unpack

LOCK_FILE = "fetch.lock.json"


@dataclass(frozen=True)
class Fetched:
    """What a fetch did.

    Attributes:
        verified: the hash was known before this download, from the catalogue or the lock file.
    """

    folder: Path
    n_files: int
    sha256: str
    verified: bool


def fetch(
    name: str,
    archive: Archive,
    root: Path,
    *,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
    keep_archive: bool = False,
) -> Fetched:
    """Downloads and unpacks a data set below `root`.

    Where the catalogue knows no sha256, the first download's is written to `fetch.lock.json`, and
    every later one has to agree with it.

    Raises:
        DataError: it is there already, cannot be fetched, has another hash, or is hostile.
        StorageFullError: the disk is too small.
    """
    folder = root / archive.folder
    if folder.exists():
        raise DataError(f"{folder} is there already; move it away to fetch {name} again")
    known = archive.sha256 or read_lock(root).get(name, "")
    file = root / ".fetch" / f"{name}.zip"
    found = download(
        archive.address,
        file,
        size_bytes=archive.size_bytes,
        sha256=known,
        on_progress=on_progress,
    )
    n_files = unpack(file, folder, archive.strip)
    if not known:
        write_lock(root, {**read_lock(root), name: found})
    if not keep_archive:
        file.unlink()
    return Fetched(folder, n_files, found, bool(known))


def read_lock(root: Path) -> dict[str, str]:
    """sha256 by data set, as met before; empty where there is no lock file.

    Raises:
        DataError: the file is damaged.
    """
    path = root / LOCK_FILE
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path} is not JSON: {error}; mend or delete it") from error
    if not isinstance(content, dict) or not all(isinstance(v, str) for v in content.values()):
        raise DataError(f"{path} is not a list of hashes by name; mend or delete it")
    return content


def write_lock(root: Path, hashes: dict[str, str]) -> None:
    """Writes the lock file whole, or not at all."""
    path = root / LOCK_FILE
    partial = path.with_name(path.name + ".part")
    partial.write_text(json.dumps(hashes, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    partial.replace(path)
