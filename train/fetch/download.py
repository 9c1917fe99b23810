"""One file over HTTP, resumed where it stopped. Standard library alone.

What has arrived lies in `TARGET.part`; the name `TARGET` is given only to a whole file of the right
hash. A server that ignores Range, or whose file changed meanwhile (If-Range), makes it start anew.
"""

from __future__ import annotations

import errno
import hashlib
import http.client
import re
import shutil
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge.contract.errors import ConfigError, DataError, StorageFullError

CHUNK_BYTES = 1 << 20
ATTEMPTS = 6
TIMEOUT_S = 60.0
# Left on the disk for everything else.
SPARE_BYTES = 200 << 20
_AGAIN = {408, 425, 429, 500, 502, 503, 504}


class _CutError(OSError):
    """The connection ended before the file did."""


def download(
    address: str,
    target: Path,
    *,
    size_bytes: int = 0,
    sha256: str = "",
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
    wait: Callable[[float], None] = time.sleep,
) -> str:
    """Downloads `address` to `target`, going on with what is already there.

    Args:
        size_bytes: expected size; 0 where unknown.
        sha256: expected hash, hex; "" where unknown.
        on_progress: called with bytes done and in all (0 where unknown).
        wait: sleeps between attempts, seconds: 1, 2, 4, …

    Returns:
        The file's sha256, hex.

    Raises:
        ConfigError: not a web address.
        DataError: no network, not found, cut short in every attempt, or of another hash.
        StorageFullError: the disk is too small.
    """
    if urllib.parse.urlsplit(address).scheme not in {"http", "https"}:
        raise ConfigError(f"address is {address!r}; only web addresses are fetched")
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_file():
        return _check_hash(target, address, sha256)
    part = target.with_name(target.name + ".part")
    check_space(target.parent, size_bytes - (part.stat().st_size if part.exists() else 0))
    _attempt(address, part, on_progress, wait)
    found = _check_hash(part, address, sha256)
    part.replace(target)
    _tag_of(part).unlink(missing_ok=True)
    return found


def check_space(folder: Path, needed_bytes: int) -> None:
    """Raises StorageFullError where the disk lacks this much, and some to spare."""
    free = shutil.disk_usage(folder).free
    if needed_bytes > 0 and free < needed_bytes + SPARE_BYTES:
        raise StorageFullError(
            f"{folder} has {free / 1e9:.2f} GB free, {(needed_bytes + SPARE_BYTES) / 1e9:.2f} GB "
            "are needed; make room or give another --data"
        )


def hash_file(path: Path) -> str:
    """sha256 of a file, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _attempt(
    address: str,
    part: Path,
    on_progress: Callable[[int, int], None],
    wait: Callable[[float], None],
) -> None:
    for attempt in range(ATTEMPTS):
        try:
            _receive(address, part, on_progress)
            return
        except urllib.error.HTTPError as error:
            error.close()
            if error.code not in _AGAIN:
                raise DataError(
                    f"{address} answers {error.code} {error.reason}; the archive may have moved: "
                    "look on its page, and give the new place with --address"
                ) from error
            last: Exception = error
        except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
            if getattr(error, "errno", None) == errno.ENOSPC:
                raise StorageFullError(f"disk full while writing {part}; make room") from error
            last = error
        if attempt + 1 < ATTEMPTS:
            wait(2.0**attempt)
    raise DataError(
        f"{address} could not be fetched in {ATTEMPTS} attempts: {last}; check the network. What "
        f"has arrived stays in {part.name}, and a later call goes on from it"
    ) from last


def _receive(address: str, part: Path, on_progress: Callable[[int, int], None]) -> None:
    have = part.stat().st_size if part.exists() else 0
    tag = _tag_of(part)
    headers = {"User-Agent": "clinicscope", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
        if tag.exists():
            headers["If-Range"] = tag.read_text()
    request = urllib.request.Request(address, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            _write(answer, part, have, on_progress)
    except urllib.error.HTTPError as error:
        if error.code != 416 or not have:
            raise
        error.close()
        # Nothing after what is there: either it is whole, or it belongs to another file.
        if error.headers.get("Content-Range", "") != f"bytes */{have}":
            part.unlink()
            raise _CutError(
                "the partial file was longer than the archive; starting anew"
            ) from error


def _write(answer: Any, part: Path, have: int, on_progress: Callable[[int, int], None]) -> None:
    resumed = answer.status == 206 and _start_of(answer) == have
    if answer.status == 206 and not resumed:
        part.unlink(missing_ok=True)
        raise _CutError("the server answered with another range than asked for; starting anew")
    done = have if resumed else 0
    length = answer.headers.get("Content-Length")
    total = done + int(length) if length else 0
    check_space(part.parent, total - done)
    if answer.headers.get("ETag"):
        _tag_of(part).write_text(answer.headers["ETag"])
    with part.open("ab" if resumed else "wb") as file:
        on_progress(done, total)
        while chunk := answer.read(CHUNK_BYTES):
            file.write(chunk)
            done += len(chunk)
            on_progress(done, total)
    if done < total:
        raise _CutError(f"the connection ended after {done:,} of {total:,} bytes")


def _start_of(answer: Any) -> int:
    found = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
    return int(found.group(1)) if found else -1


def _tag_of(part: Path) -> Path:
    return part.with_name(part.name + ".etag")


def _check_hash(path: Path, address: str, sha256: str) -> str:
    found = hash_file(path)
    if sha256 and found != sha256:
        path.unlink()
        raise DataError(
            f"{address} gave a file of sha256 {found}, expected {sha256}; it was deleted. It was "
            "damaged on the way, or is another file than the one that was published"
        )
    return found
