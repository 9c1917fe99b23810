"""Width and height of an image from its first bytes, and whether its end is there.

Decoders allocate before they refuse: a 30,000 x 30,000 PNG of a few kilobytes costs 2.7 GB, and
a truncated JPEG comes back half grey. Both are found here, before any decoding.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from edge.contract.errors import ImageError

# JPEG markers that carry the frame's size (ITU T.81, table B.1), without DHT, JPG and DAC.
_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})


@dataclass(frozen=True)
class ImageHeader:
    """What the first bytes of an image say.

    Attributes:
        complete: False where its end is missing.
        components: of a JPEG, 1 where it is grey; 0 of other formats.
    """

    format: str
    width_px: int
    height_px: int
    complete: bool
    components: int = 0


def read_header(data: bytes) -> ImageHeader:
    """Reads format and size without decoding.

    Args:
        data: the whole encoded image.

    Raises:
        ImageError: the bytes are none of PNG, JPEG, WebP, BMP, or break off inside the header.
    """
    for magic, reader in _READERS:
        if data.startswith(magic):
            try:
                return reader(data)
            except (struct.error, IndexError) as error:
                raise ImageError(
                    f"image breaks off inside its header ({len(data)} bytes); copy it again"
                ) from error
    start = data[:8].hex(" ") or "nothing"
    raise ImageError(f"not an image (starts with {start}); use PNG, JPEG, WebP or BMP")


def _read_png(data: bytes) -> ImageHeader:
    width, height = struct.unpack_from(">II", data, 16)
    return ImageHeader("png", width, height, b"IEND" in data[-64:])


def _read_bmp(data: bytes) -> ImageHeader:
    (size,) = struct.unpack_from("<I", data, 2)
    width, height = struct.unpack_from("<ii", data, 18)
    return ImageHeader("bmp", abs(width), abs(height), len(data) >= size)


def _read_webp(data: bytes) -> ImageHeader:
    (riff_size,) = struct.unpack_from("<I", data, 4)
    complete, kind = len(data) >= riff_size + 8, data[12:16]
    if data[8:12] != b"WEBP":
        raise ImageError("a RIFF file that is not WebP; use PNG, JPEG, WebP or BMP")
    if kind == b"VP8X":
        width = 1 + int.from_bytes(data[24:27], "little")
        height = 1 + int.from_bytes(data[27:30], "little")
    elif kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        width, height = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    else:
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
    return ImageHeader("webp", width, height, complete)


def _read_jpeg(data: bytes) -> ImageHeader:
    at, size, components = 2, None, 0
    while True:
        while data[at] == 0xFF and data[at + 1] == 0xFF:
            at += 1
        if data[at] != 0xFF:
            raise ImageError(f"JPEG is damaged at byte {at} (no marker there); copy it again")
        marker = data[at + 1]
        if marker in _STANDALONE:
            at += 2
            continue
        (length,) = struct.unpack_from(">H", data, at + 2)
        if marker in _SOF:
            height, width = struct.unpack_from(">HH", data, at + 5)
            size, components = (width, height), data[at + 9]
        if marker == 0xDA:
            break
        at += 2 + length
    if size is None:
        raise ImageError("JPEG has no frame before its scan; copy it again")
    # Inside entropy-coded data FF is always stuffed, so this is the real end of the image.
    complete = data.find(b"\xff\xd9", at) >= 0
    return ImageHeader("jpeg", *size, complete, components)


_READERS = (
    (b"\x89PNG\r\n\x1a\n", _read_png),
    (b"\xff\xd8\xff", _read_jpeg),
    (b"RIFF", _read_webp),
    (b"BM", _read_bmp),
)
