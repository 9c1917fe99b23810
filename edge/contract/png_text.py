"""Words inside a PNG: what a picture says of itself goes with it wherever it is copied."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# The header chunk is always the first and has 13 bytes (PNG, 11.2.2); words follow it.
_AFTER_HEADER = len(_SIGNATURE) + 12 + 13
_HEAD_BYTES = 4096


def add_text(png: bytes, keyword: str, text: str) -> bytes:
    """The picture with a tEXt chunk more; what Latin-1 has not becomes a question mark."""
    body = b"tEXt" + b"\0".join(word.encode("latin-1", "replace") for word in (keyword, text))
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return png[:_AFTER_HEADER] + chunk + png[_AFTER_HEADER:]


def file_says(path: Path, keyword: str, words: str) -> bool:
    """Whether a file is a PNG on which `add_text` wrote something that begins so.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    expected = b"tEXt" + f"{keyword}\0{words}".encode("latin-1")
    return head.startswith(_SIGNATURE) and head[_AFTER_HEADER + 4 :].startswith(expected)
