"""Where an archive lies and where its results go: a folder, or a URL that fsspec knows.

Paths below a place are text with `/`. What fails while it is read is an OSError, whatever the
store; what cannot be written is a StoreError.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote, urlsplit

from edge.archive.libraries import need
from edge.contract.errors import ConfigError, StoreError
from edge.store.files import disk_errors, make_folder, write_durably

# In these a file is there whole or not at all; elsewhere it is written beside and renamed.
_WHOLE_AT_ONCE = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "oss", "memory"})
# What stores call that which changes with a file's content, the most telling first.
_VERSIONS = ("ETag", "etag", "md5Hash", "md5", "mtime", "LastModified", "last_modified", "updated")


@dataclass(frozen=True)
class Entry:
    """A file or a folder.

    Attributes:
        version: changes when the file does: its etag, or when it was changed.
    """

    name: str
    is_folder: bool
    size_bytes: int = 0
    version: str = ""


class Place(ABC):
    """A folder, here or elsewhere.

    Attributes:
        url: for messages, and to open it again on another machine.
        local: the folder; None of a URL.
    """

    url: str
    local: Path | None = None

    @abstractmethod
    def entries(self, path: str = "") -> list[Entry]:
        """What a folder directly holds, by name. Raises OSError."""

    @abstractmethod
    def read(self, path: str) -> bytes:
        """A whole file. Raises OSError."""

    @abstractmethod
    def write(self, path: str, data: bytes) -> None:
        """A whole file; at every instant it is absent, its old self, or complete.

        Raises:
            StorageFullError: no room.
            StoreError: it cannot be written.
        """

    @abstractmethod
    def create(self, path: str) -> AbstractContextManager[BinaryIO]:
        """A large file, to be written from its start. Raises StoreError."""

    @abstractmethod
    def remove(self, path: str) -> None:
        """Removes a file; nothing where it is not there. Raises OSError."""


class _Folder(Place):
    def __init__(self, folder: Path) -> None:
        self._folder = self.local = folder.absolute()
        self.url = str(folder.absolute())

    def _at(self, path: str) -> Path:
        return self._folder / path

    def entries(self, path: str = "") -> list[Entry]:
        with os.scandir(self._at(path)) as found:
            # As `list_images` has it, a link to a folder is not followed.
            entries = [_describe(one) for one in found if not (one.is_symlink() and one.is_dir())]
        return sorted(entries, key=lambda entry: entry.name)

    def read(self, path: str) -> bytes:
        return self._at(path).read_bytes()

    def write(self, path: str, data: bytes) -> None:
        write_durably(self._at(path), data)

    @contextmanager
    def create(self, path: str) -> Iterator[BinaryIO]:
        target = self._at(path)
        with disk_errors(target, 0):
            make_folder(target.parent)
            with target.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())

    def remove(self, path: str) -> None:
        self._at(path).unlink(missing_ok=True)


def _describe(found: os.DirEntry[str]) -> Entry:
    if found.is_dir():
        return Entry(found.name, True)
    try:
        status = found.stat()
    except OSError:
        return Entry(found.name, False, 0, "unreadable")
    return Entry(found.name, False, status.st_size, str(status.st_mtime_ns))


class _Url(Place):
    def __init__(self, url: str) -> None:
        fsspec = need("fsspec")
        self.url = url.rstrip("/")
        try:
            # An archive grows, and other machines write: nothing that was listed is remembered.
            self._store, root = fsspec.core.url_to_fs(self.url, use_listings_cache=False)
        except (ImportError, ValueError) as error:
            raise ConfigError(
                f"{url} cannot be opened ({error}); give a folder or a URL such as "
                "s3://bucket/prefix, and pip install 'clinicscope[archive]', or fsspec's library "
                "for another store"
            ) from error
        self._root: str = root.rstrip("/")
        protocol = self._store.protocol
        names = {protocol} if isinstance(protocol, str) else set(protocol)
        self._whole = bool(names & _WHOLE_AT_ONCE)

    def _at(self, path: str) -> str:
        return f"{self._root}/{path}" if path else self._root

    def entries(self, path: str = "") -> list[Entry]:
        folder = self._at(path)
        with _as_os_errors(folder):
            found = self._store.ls(folder, detail=True)
        entries = []
        for one in found:
            name = one["name"].rstrip("/").rpartition("/")[2]
            # Object stores list the mark of the folder itself, too.
            if name and one["name"].strip("/") != folder.strip("/"):
                entries.append(_describe_url(name, one))
        return sorted(entries, key=lambda entry: entry.name)

    def read(self, path: str) -> bytes:
        with _as_os_errors(self._at(path)):
            return bytes(self._store.cat_file(self._at(path)))

    def write(self, path: str, data: bytes) -> None:
        target = self._at(path)
        with _as_store_errors(target):
            if self._whole:
                self._store.pipe_file(target, data)
                return
            folder, _, name = target.rpartition("/")
            beside = f"{folder}/.{name}.{os.getpid()}.tmp"
            self._store.makedirs(folder, exist_ok=True)
            self._store.pipe_file(beside, data)
            with suppress(FileNotFoundError):
                self._store.rm_file(target)
            self._store.mv(beside, target)

    @contextmanager
    def create(self, path: str) -> Iterator[BinaryIO]:
        target = self._at(path)
        with _as_store_errors(target):
            if not self._whole:
                self._store.makedirs(target.rpartition("/")[0], exist_ok=True)
            with self._store.open(target, "wb") as file:
                yield file

    def remove(self, path: str) -> None:
        with _as_os_errors(self._at(path)), suppress(FileNotFoundError):
            self._store.rm_file(self._at(path))


def _describe_url(name: str, found: dict[str, Any]) -> Entry:
    if found["type"] == "directory":
        return Entry(name, True)
    version = next((str(found[key]) for key in _VERSIONS if found.get(key) is not None), "")
    return Entry(name, False, int(found.get("size") or 0), version.strip('"'))


@contextmanager
def _as_os_errors(where: str) -> Iterator[None]:
    """Each store of fsspec has errors of its own, which have no common class."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        raise OSError(None, f"{type(error).__name__}: {error}", where) from error


@contextmanager
def _as_store_errors(where: str) -> Iterator[None]:
    try:
        with disk_errors(Path(where), 0), _as_os_errors(where):
            yield
    except StoreError as error:
        if isinstance(error.__cause__, OSError) and not error.__cause__.strerror:
            raise StoreError(f"{where} cannot be written ({error.__cause__})") from error
        raise


def open_place(text: str) -> Place:
    """The folder or URL; nothing is read yet.

    Raises:
        ConfigError: a URL of which the library is missing or unknown.
    """
    if text.startswith("file://"):
        return _Folder(Path(unquote(urlsplit(text).path)))
    return _Url(text) if "://" in text else _Folder(Path(text))


def join(folder: str, name: str) -> str:
    """The path of what a folder holds."""
    return f"{folder}/{name}" if folder else name


def why(error: OSError) -> str:
    """An OSError in words, with the file that it is about."""
    said = error.strerror or str(error) or type(error).__name__
    return f"{error.filename}: {said}" if error.filename else said
