"""A chest X-ray's picture from PNG, JPEG, WebP, BMP or DICOM, as it is to be looked at.

Unlike a field of a smear, whose boxes refer to pixels as stored, it is turned upright: networks
learned from upright chests, and a phone writes how it was held.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edge.contract.images import MAX_PIXELS, decode_image, encode_image, read_bytes
from edge.contract.orientation import read_orientation, turn_upright
from edge.contract.types import U8Array
from edge.xray.dicom_file import decode_dicom, is_dicom

DICOM_SUFFIXES = frozenset({".dcm", ".dicom"})
# As evidence it must not lose a grey level.
STORED_SUFFIX = ".png"


def decode_radiograph(data: bytes, *, max_pixels: int = MAX_PIXELS) -> U8Array:
    """Decodes a picture to (H,W,3) uint8 RGB, upright.

    Raises:
        ImageError: no picture, truncated, larger than `max_pixels`, or a DICOM file that shows no
            frontal chest or cannot be read here.
    """
    if is_dicom(data):
        return decode_dicom(data, max_pixels=max_pixels)
    image = decode_image(data, max_pixels=max_pixels, may_be_grey=True)
    return turn_upright(image, read_orientation(data))


def read_radiograph(path: Path) -> U8Array:
    """Reads one file. Raises ImageError, which names no path: the caller knows it."""
    return decode_radiograph(read_bytes(path))


def encode_radiograph(image: U8Array) -> bytes:
    """What is kept of a picture: its pixels alone, since a header may name the person.

    Args:
        image: (H,W,3) uint8 RGB.
    """
    return encode_image(np.ascontiguousarray(image), STORED_SUFFIX)
