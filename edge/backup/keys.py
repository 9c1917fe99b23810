"""Opening what was encrypted with age, as a stream; the keys that open it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

from edge.backup.archive import DamagedBackupError
from edge.contract.errors import ConfigError, RuntimeUnavailableError

_MAGIC = b"age-encryption.org/"


def age_library() -> Any:
    """pyrage, which brings no types.

    Raises:
        RuntimeUnavailableError: it is not installed.
    """
    try:
        return import_module("pyrage")
    except ImportError as error:
        raise RuntimeUnavailableError(
            "an encrypted backup needs pyrage, which comes with the program; pip install pyrage"
        ) from error


def is_encrypted(path: Path) -> bool:
    """Whether a file is age's."""
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def read_identities(path: Path) -> list[Any]:
    """The secret keys of a file as `age-keygen` writes it.

    Raises:
        ConfigError: it cannot be read, or holds no secret key.
        RuntimeUnavailableError: pyrage is not installed.
    """
    pyrage = age_library()
    try:
        lines = path.read_text(encoding="ascii").split()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read as a file of age keys ({error})") from error
    found = []
    for line in lines:
        if line.startswith("AGE-SECRET-KEY-"):
            try:
                found.append(pyrage.x25519.Identity.from_str(line))
            except pyrage.IdentityError as error:
                # Never the key itself, which a log would keep.
                raise ConfigError(f"{path} holds a secret key that is damaged") from error
    if not found:
        raise ConfigError(
            f"{path} holds no secret key of age; give the file that age-keygen wrote "
            "(AGE-SECRET-KEY-1...)"
        )
    return found


class _Pipe:
    """The writing end; tells whether its reader went away."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.left = False

    def write(self, data: bytes) -> int:
        try:
            return self._file.write(data)
        except OSError:
            self.left = True
            raise

    def flush(self) -> None:
        self._file.flush()


@contextmanager
def decrypted(source: Any, identities: Sequence[Any]) -> Iterator[BinaryIO]:
    """The plain text as a stream, which never reaches the disk here.

    Args:
        source: has `read(size)`.
        identities: one of them must open it.

    Raises:
        ConfigError: none of the keys opens it.
        DamagedBackupError: it was altered or cut off.
    """
    reading, writing = os.pipe()
    with ThreadPoolExecutor(1) as pool, os.fdopen(reading, "rb") as plain:
        work = pool.submit(_decrypt, source, writing, identities)
        try:
            yield plain
        finally:
            # Who stopped early is not to be waited for by the other side.
            plain.close()
            fault = work.exception()
            if fault is not None:
                raise fault


def _decrypt(source: Any, writing: int, identities: Sequence[Any]) -> None:
    pyrage = age_library()
    with suppress(BrokenPipeError), os.fdopen(writing, "wb") as file:
        pipe = _Pipe(file)
        try:
            pyrage.decrypt_io(source, pipe, list(identities))
        except (pyrage.DecryptError, OSError) as error:
            if not pipe.left:
                raise _explained(error) from error


def _explained(error: Exception) -> Exception:
    if "No matching keys" in str(error):
        return ConfigError(
            "the key does not open this backup: it was made for another recipient (or its head was "
            "altered); give the secret key that belongs to it"
        )
    return DamagedBackupError(
        f"the backup is cut off or was altered ({error}); copy it again, or use another one"
    )
