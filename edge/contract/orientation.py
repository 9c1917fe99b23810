"""Which way up a picture is to be shown: the EXIF tag of JPEG, PNG and WebP, and turning by it."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np

from edge.contract.types import U8Array

UPRIGHT = 1
# EXIF 2.3, 4.6.4: tag 0x0112, of type SHORT.
_TAG, _SHORT = 0x0112, 3
_PREFIX = b"Exif\0\0"


def read_orientation(data: bytes) -> int:
    """1 to 8 as in EXIF; 1, upright, where the tag is missing or damaged.

    Args:
        data: the whole encoded image.
    """
    try:
        for exif in _find_exif(data):
            return _read_tag(exif.removeprefix(_PREFIX))
    except (struct.error, IndexError):
        return UPRIGHT
    return UPRIGHT


def _find_exif(data: bytes) -> Iterator[bytes]:
    """EXIF bodies, in the place where each format has them."""
    if data.startswith(b"\xff\xd8"):
        parts = ((kind == 0xE1 and body.startswith(_PREFIX), body) for kind, body in _jpeg(data))
    elif data.startswith(b"\x89PNG"):
        parts = ((kind == b"eXIf", body) for kind, body in _png(data))
    elif data.startswith(b"RIFF"):
        parts = ((kind == b"EXIF", body) for kind, body in _riff(data))
    else:
        return
    for is_exif, body in parts:
        if is_exif:
            yield body


def _jpeg(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Markers up to the scan, where the pixels begin."""
    at = 2
    while data[at] == 0xFF and data[at + 1] != 0xDA:
        (length,) = struct.unpack_from(">H", data, at + 2)
        yield data[at + 1], data[at + 4 : at + 2 + length]
        at += 2 + length


def _png(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        yield kind, data[at + 8 : at + 8 + length]
        at += 12 + length


def _riff(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 12
    while at < len(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        yield kind, data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2


def _read_tag(tiff: bytes) -> int:
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return UPRIGHT
    (at,) = struct.unpack_from(f"{order}I", tiff, 4)
    (count,) = struct.unpack_from(f"{order}H", tiff, at)
    for entry in range(count):
        tag, kind, _, value = struct.unpack_from(f"{order}HHIH", tiff, at + 2 + 12 * entry)
        if (tag, kind) == (_TAG, _SHORT):
            return int(value) if 1 <= value <= 8 else UPRIGHT
    return UPRIGHT


def turn_upright(image: U8Array, orientation: int) -> U8Array:
    """A picture, (H,W) or (H,W,C), as it is to be shown; from 5 on, sides are swapped."""
    if orientation >= 5:
        image = image.swapaxes(0, 1)
    # Then mirrored across, down, or both.
    down = orientation in (3, 4, 7, 8)
    across = orientation in (2, 3, 6, 7)
    return np.ascontiguousarray(image[:: -1 if down else 1, :: -1 if across else 1])
