"""Writes a stream into a file, syncs it, and reads it back from the disk."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO, cast

from edge.backup.archive import (
    Content,
    DamagedBackupError,
    Sums,
    read_archive,
    write_archive,
)
from edge.backup.keys import age_library, decrypted
from edge.contract.errors import ConfigError, StoreError
from edge.interop.age import write_encrypted
from edge.store.files import disk_errors

_NOT_AS_WRITTEN = (
    "the backup was read back and is not what was written: the drive fails; it was not kept, use "
    "another drive"
)


class _Written:
    """A file as it is written: its hash, and why the disk refused, which the library forgets."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()
        self.fault: OSError | None = None

    def write(self, data: bytes) -> int:
        try:
            self._file.write(data)
        except OSError as error:
            self.fault = error
            raise
        self.digest.update(data)
        return len(data)

    def flush(self) -> None:
        self._file.flush()


def write_and_read_back(
    contents: Iterable[Content],
    temp: Path,
    keys: list[Any],
    told: Callable[[int, int], object] = lambda *_: None,
) -> str:
    """Writes a file that is not there yet.

    The device holds no recipient's secret key. So that it can read back what it encrypted, a key
    that is made here and forgotten at the end opens the file, too.

    Args:
        contents: of the archive.
        temp: the file; the caller removes it where this fails.
        keys: of whom it is encrypted to; unencrypted without any.
        told: is called while it is read back, with how many bytes of how many.

    Returns:
        the file's sha256.

    Raises:
        StorageFullError: no room.
        StoreError: it cannot be written, or read back as it was written.
    """
    once = age_library().x25519.Identity.generate() if keys else None
    with closing(Sums()) as sums, disk_errors(temp, 0):
        # Private from its first byte on.
        handle = os.open(temp, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w+b") as file:
            written = _Written(file)
            chunks = write_archive(contents, sums)
            _write(chunks, written, [*keys, once.to_public()] if once else [])
            file.flush()
            os.fsync(file.fileno())
            # Out of memory with it: what is read back comes from the disk.
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            file.seek(0)
            source = _ReadBack(file, temp.stat().st_size, told)
            _read_back(source, written.digest.hexdigest(), (sums.count, sums.sha256()), once)
        return written.digest.hexdigest()


def _write(chunks: Iterable[bytes], out: _Written, keys: list[Any]) -> None:
    if not keys:
        for chunk in chunks:
            out.write(chunk)
        return
    try:
        write_encrypted(chunks, cast(BinaryIO, out), keys)
    except Exception:
        if out.fault is not None:
            raise out.fault from None
        raise


class _ReadBack:
    """Hashes what is read from a file."""

    def __init__(self, file: BinaryIO, size_bytes: int, told: Callable[[int, int], object]) -> None:
        self._file, self._size_bytes, self._told = file, size_bytes, told
        self._done_bytes = 0
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.digest.update(data)
        self._done_bytes += len(data)
        self._told(self._done_bytes, self._size_bytes)
        return data


class _Nowhere:
    """Where what is only compared goes."""

    def write(self, data: bytes) -> int:
        return len(data)

    def __enter__(self) -> _Nowhere:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def _read_back(source: _ReadBack, sha256: str, written: tuple[int, str], once: Any) -> None:
    try:
        if once is None:
            found = read_archive(source, lambda _: _Nowhere())
        else:
            with decrypted(source, [once]) as plain:
                found = read_archive(plain, lambda _: _Nowhere())
    except (DamagedBackupError, ConfigError) as error:
        raise StoreError(_NOT_AS_WRITTEN) from error
    if found != written or source.digest.hexdigest() != sha256:
        raise StoreError(_NOT_AS_WRITTEN)
