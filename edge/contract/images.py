"""Encoded bytes to RGB arrays and back; the only place where images are decoded.

Arrays are (H,W,3) uint8 RGB everywhere outside this module; OpenCV's BGR never leaves it. Evidence
ignores orientation tags, because boxes refer to pixels as stored; a picture that is only made to be
looked at (`read_picture`) is turned upright, and may be grey or transparent.
"""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np

from edge.contract.errors import ImageError
from edge.contract.image_header import ImageHeader, read_header
from edge.contract.orientation import read_orientation, turn_upright
from edge.contract.types import U8Array

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp"})
# No microscope camera is larger, and a decoded field of this size still fits a 2 GB device.
MAX_PIXELS = 100_000_000
MAX_FILE_BYTES = 256 * 1024 * 1024
_DECODE = cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION
# A JPEG, never transparent, comes in the right order of colours where OpenCV (4.11 on) can do so.
_RGB = getattr(cv2, "IMREAD_COLOR_RGB", 0)
_DECODE_RGB = cv2.IMREAD_IGNORE_ORIENTATION | _RGB


def decode_image(
    data: bytes, *, max_pixels: int = MAX_PIXELS, may_be_grey: bool = False
) -> U8Array:
    """Decodes an image to (H,W,3) uint8 RGB.

    16-bit samples are scaled by 1/257 whatever their range, so that a dark image stays dark. Where
    there is an alpha channel, transparent pixels become black: the mask of a cut-out cell.

    Args:
        may_be_grey: one channel is repeated three times (X-rays, masks) instead of refused.

    Raises:
        ImageError: not an image, truncated, larger than `max_pixels`, grey, or undecodable.
    """
    header = _check_header(data, max_pixels)
    if _RGB and header.components > 1:
        return _to_bytes(_decode(data, _DECODE_RGB))
    return _to_rgb(_decode(data), may_be_grey)


def decode_picture(data: bytes, *, max_pixels: int = MAX_PIXELS) -> U8Array:
    """Decodes an image as it is: (H,W) grey, (H,W,3) RGB or (H,W,4) RGBA, uint8, upright.

    16-bit samples are scaled by 1/257 whatever their range.

    Raises:
        ImageError: not an image, truncated, larger than `max_pixels`, or undecodable.
    """
    _check_header(data, max_pixels)
    image = turn_upright(_to_bytes(_decode(data)), read_orientation(data))
    if image.ndim == 2:
        return image
    code = cv2.COLOR_BGRA2RGBA if image.shape[2] == 4 else cv2.COLOR_BGR2RGB
    return np.asarray(cv2.cvtColor(image, code), np.uint8)


def _check_header(data: bytes, max_pixels: int) -> ImageHeader:
    header = read_header(data)
    pixels = header.width_px * header.height_px
    if not 0 < pixels <= max_pixels:
        raise ImageError(
            f"image is {header.width_px} x {header.height_px} px, more than the "
            f"{max_pixels / 1e6:.0f} megapixels allowed; send a smaller one"
        )
    if not header.complete:
        raise ImageError(f"{header.format} image is truncated ({len(data)} bytes); copy it again")
    return header


def _decode(data: bytes, flags: int = _DECODE) -> np.ndarray:
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise ImageError(f"image cannot be decoded ({error.err}); copy it again") from error
    if image is None:
        raise ImageError("image cannot be decoded (damaged data); copy it again")
    return image


def _to_bytes(image: np.ndarray) -> U8Array:
    if image.dtype == np.uint16:
        return ((image.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if image.dtype != np.uint8:
        raise ImageError(f"image has {image.dtype} samples; use 8 or 16 bits a channel")
    return image


def _to_rgb(image: np.ndarray, may_be_grey: bool) -> U8Array:
    image = _to_bytes(image)
    if image.ndim == 2 and may_be_grey:
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2RGB), np.uint8)
    if image.ndim == 2 or image.shape[2] < 3:
        raise ImageError("image is grey: the stain cannot be judged; send a colour image")
    if image.shape[2] == 4:
        image = np.where(image[:, :, 3:] > 127, image[:, :, :3], 0).astype(np.uint8)
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


def read_image(path: Path, *, may_be_grey: bool = False) -> U8Array:
    """Reads and decodes one file. Raises ImageError, which names no path: the caller knows it."""
    return decode_image(read_bytes(path), may_be_grey=may_be_grey)


def read_picture(path: Path, *, max_pixels: int = MAX_PIXELS) -> U8Array:
    """Reads one file and decodes it as `decode_picture` does. Raises ImageError, without a path."""
    return decode_picture(read_bytes(path), max_pixels=max_pixels)


def read_bytes(path: Path) -> bytes:
    """One file, unless it is larger than any image. Raises ImageError, without a path."""
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise ImageError(f"file has {size:,} bytes, more than {MAX_FILE_BYTES:,}; not read")
        return path.read_bytes()
    except OSError as error:
        raise ImageError(f"file cannot be read: {error.strerror}") from error


def encode_image(image: U8Array, suffix: str = ".png", *, quality: int = 92) -> bytes:
    """Encodes uint8 RGB, or as PNG also (H,W) grey or (H,W,4) RGBA, as PNG, WebP or JPEG bytes."""
    flags = {
        ".jpg": [cv2.IMWRITE_JPEG_QUALITY, quality],
        ".webp": [cv2.IMWRITE_WEBP_QUALITY, quality],
    }.get(suffix, [])
    codes = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}
    stored = image if image.ndim == 2 else cv2.cvtColor(image, codes[image.shape[2]])
    done, data = cv2.imencode(suffix, stored, flags)
    if not done:
        raise ImageError(f"image of shape {image.shape} cannot be encoded as {suffix}")
    return data.tobytes()


def list_images(folder: Path, suffixes: frozenset[str] = IMAGE_SUFFIXES) -> list[Path]:
    """Image files below a folder, in the order of their paths; hidden files are left out."""
    found = []
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [
            Path(root, name)
            for name in files
            if Path(name).suffix.lower() in suffixes and not name.startswith(".")
        ]
    return sorted(found)
