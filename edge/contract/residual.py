"""What a network adds to OpenCV's bicubic enlargement, in grey levels from -128 to 127.

Bicubic costs a fifth of the smallest useful network and is never wrong by much, so the eight bits
of a network are left for what it lacks. Kept apart from runtimes, so that whoever measures a
network elsewhere adds alike.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from edge.contract.types import U8Array

I8Array = npt.NDArray[np.int8]
_TOP_BIT = np.uint8(0x80)


def bicubic(image: U8Array) -> U8Array:
    """(H,W,3) uint8 to (2H,2W,3)."""
    return np.asarray(cv2.resize(image, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC), np.uint8)


def add_to_bicubic(image: U8Array, residual: I8Array) -> U8Array:
    """The enlargement with what it lacks; what leaves 0 to 255 is cut off.

    Args:
        image: (H,W,3) uint8.
        residual: (2H,2W,3) int8, grey levels.

    Returns:
        (2H,2W,3) uint8.
    """
    made = bicubic(image)
    # Levels less 128 saturate in int8 where the sum of both saturates in uint8: one fast addition.
    made ^= _TOP_BIT
    signed = made.view(np.int8)
    cv2.add(signed, residual, dst=signed)
    made ^= _TOP_BIT
    return made
