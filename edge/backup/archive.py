"""The stream that a backup is: an ordinary tar, written and read in constant memory.

Its first member says what it is, its last one lists the sha256 of all others as `sha256sum` does.
A stream without that list was cut off. Any `tar` opens it; this room reads it by itself, since
`tarfile` keeps every member in memory and forgives what must not be forgiven here.
"""

from __future__ import annotations

import hashlib
import re
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Protocol

from edge.contract.errors import StoreError

SUMS = "SHA256SUMS"
CHUNK_BYTES = 1 << 20
_BLOCK = tarfile.BLOCKSIZE
# No part begins with a dot, so none leads out of the folder; a tar header holds 100 characters.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")
_MAX_NAME = 100
_IN_MEMORY_BYTES = 4 << 20


class Source(Protocol):
    """What can be read to its end; fewer bytes than asked for are its last."""

    def read(self, size: int, /) -> bytes:
        """The next bytes."""


class Sink(Protocol):
    """Where a member goes."""

    def write(self, data: bytes, /) -> object:
        """Takes bytes."""

    def __enter__(self) -> Sink: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> object: ...


class DamagedBackupError(StoreError):
    """A backup was cut off, altered, or is none."""


@dataclass(frozen=True)
class Content:
    """A file to be stored; `chunks` yields `size_bytes` of it."""

    name: str
    size_bytes: int
    chunks: Callable[[], Iterable[bytes]]


def content_of(name: str, data: bytes) -> Content:
    """A file that is in memory."""
    return Content(name, len(data), lambda: (data,))


class Sums:
    """The list of sha256 sums, on the disk where it is long."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES)  # noqa: SIM115
        self.count = 0

    def add(self, name: str, sha256: str) -> None:
        """Adds a file."""
        self._file.write(f"{sha256}  {name}\n".encode())
        self.count += 1

    def content(self) -> Content:
        """The list as a member."""
        return Content(SUMS, self._file.tell(), self.chunks)

    def chunks(self) -> Iterator[bytes]:
        """The list from its begin; nothing is added after."""
        self._file.seek(0)
        while chunk := self._file.read(CHUNK_BYTES):
            yield chunk

    def sha256(self) -> str:
        """Of the list: equal where two backups hold the same."""
        digest = hashlib.sha256()
        for chunk in self.chunks():
            digest.update(chunk)
        return digest.hexdigest()

    def close(self) -> None:
        """Lets the list go."""
        self._file.close()


def is_allowed(name: str) -> bool:
    """Whether a file may be called so in a backup."""
    return len(name) <= _MAX_NAME and _NAME.fullmatch(name) is not None


def write_archive(contents: Iterable[Content], sums: Sums) -> Iterator[bytes]:
    """The stream, a chunk at a time; `sums` is then that of its members.

    Raises:
        StoreError: a file became longer or shorter meanwhile.
    """
    for content in contents:
        digest = hashlib.sha256()
        yield from _member(content, digest.update)
        sums.add(content.name, digest.hexdigest())
    yield from _member(sums.content(), lambda _: None)
    yield bytes(2 * _BLOCK)


def _member(content: Content, seen: Callable[[bytes], object]) -> Iterator[bytes]:
    yield _header(content)
    size = 0
    for chunk in content.chunks():
        seen(chunk)
        size += len(chunk)
        yield chunk
    if size != content.size_bytes:
        raise StoreError(
            f"{content.name} changed while it was read ({content.size_bytes:,} bytes, then "
            f"{size:,}); make the backup again"
        )
    yield bytes(-size % _BLOCK)


def _header(content: Content) -> bytes:
    if not is_allowed(content.name):
        raise StoreError(f"a backup holds no file called {content.name!r}; rename it")
    info = tarfile.TarInfo(content.name)
    info.size, info.mode = content.size_bytes, 0o600
    return info.tobuf(tarfile.GNU_FORMAT)


def read_archive(stream: Source, open_member: Callable[[str], Sink]) -> tuple[int, str]:
    """Reads a stream to its end, each byte held against the list of sums.

    Args:
        stream: as `write_archive` wrote it.
        open_member: where a member's bytes go; closed here.

    Returns:
        how many members there were, and the sha256 of their list.

    Raises:
        DamagedBackupError: it was cut off or altered, or is no backup.
    """
    with closing(Sums()) as sums:
        while (info := _next_header(stream)).name != SUMS:
            digest = hashlib.sha256()
            with open_member(info.name) as out:
                for chunk in _read(stream, info.size):
                    digest.update(chunk)
                    out.write(chunk)
            sums.add(info.name, digest.hexdigest())
        _compare(stream, info.size, sums)
        _read_end(stream)
        return sums.count, sums.sha256()


def _compare(stream: Source, size: int, sums: Sums) -> None:
    """Both lists, without holding either in memory."""
    told, met = hashlib.sha256(), sums.sha256()
    for chunk in _read(stream, size):
        told.update(chunk)
    if told.hexdigest() != met:
        raise DamagedBackupError(
            "the backup was altered: a file in it is not what its list of sha256 sums says; "
            "use another copy"
        )


def _read_end(stream: Source) -> None:
    while chunk := stream.read(CHUNK_BYTES):
        if chunk.strip(b"\0"):
            raise DamagedBackupError("the backup was altered: something follows its end")


def _next_header(stream: Source) -> tarfile.TarInfo:
    block = stream.read(_BLOCK)
    try:
        info = tarfile.TarInfo.frombuf(block, "ascii", "strict")
    except (tarfile.HeaderError, UnicodeDecodeError) as error:
        if len(block) < _BLOCK or not block.strip(b"\0"):
            raise _cut_off() from error
        raise DamagedBackupError(
            f"this is no backup, or it was altered ({error}); use another copy"
        ) from error
    if not info.isreg() or not is_allowed(info.name) or info.size < 0:
        raise DamagedBackupError(
            f"the backup was altered: it holds {info.name[:80]!r}, which none does"
        )
    return info


def _read(stream: Source, size: int) -> Iterator[bytes]:
    left = size
    while left:
        chunk = stream.read(min(left, CHUNK_BYTES))
        if not chunk:
            raise _cut_off()
        left -= len(chunk)
        yield chunk
    if len(stream.read(-size % _BLOCK)) != -size % _BLOCK:
        raise _cut_off()


def _cut_off() -> DamagedBackupError:
    return DamagedBackupError(
        "the backup is cut off: its end is missing; copy it again, or use another one"
    )
