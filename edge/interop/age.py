"""Encryption to a recipient's key (age), as it is written: what only they can open."""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import Any, BinaryIO

from edge.contract.errors import ConfigError, RuntimeUnavailableError

SUFFIX = ".age"


def check_recipients(keys: Iterable[str]) -> list[Any]:
    """Public keys as the library takes them.

    Raises:
        ConfigError: one is no public key of age.
        RuntimeUnavailableError: pyrage is not installed.
    """
    return [_recipient(key) for key in keys]


def _recipient(key: str) -> Any:
    pyrage = _library()
    if key.upper().startswith("AGE-SECRET-KEY"):
        raise ConfigError(
            "the recipient is a secret key: never give it away; give its public key, age1..."
        )
    try:
        return pyrage.x25519.Recipient.from_str(key)
    except pyrage.RecipientError as error:
        raise ConfigError(
            f"recipient {key[:80]!r} is no public key of age ({error}); it begins with age1"
        ) from error


def write_encrypted(chunks: Iterable[bytes], out: BinaryIO, recipients: list[Any]) -> None:
    """Encrypts what comes to `out`; neither is held in memory, and no plain text is written."""
    pyrage, guarded = _library(), _Out(out)
    reading, writing = os.pipe()
    with ThreadPoolExecutor(1) as pool, os.fdopen(reading, "rb") as plain:
        feed = pool.submit(_feed, chunks, writing)
        try:
            pyrage.encrypt_io(plain, guarded, recipients)
        except pyrage.EncryptError as error:
            raise guarded.error or error from error
        finally:
            # Where the disk refused, the other side must not wait for a reader.
            plain.close()
            feeding = feed.exception()
        if feeding is not None:
            raise feeding


class _Out:
    """Keeps why a write failed, which the library says in words alone."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self.error: OSError | None = None

    def write(self, data: bytes) -> int:
        try:
            return self._out.write(data)
        except OSError as error:
            self.error = error
            raise

    def flush(self) -> None:
        try:
            self._out.flush()
        except OSError as error:
            self.error = error
            raise


def _feed(chunks: Iterable[bytes], writing: int) -> None:
    with os.fdopen(writing, "wb") as pipe:
        for chunk in chunks:
            pipe.write(chunk)


def _library() -> Any:
    try:
        return import_module("pyrage")  # it brings no types
    except ImportError as error:
        raise RuntimeUnavailableError(
            "encryption needs pyrage, which comes with the program; pip install pyrage"
        ) from error
