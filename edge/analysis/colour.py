"""Whether a picture is grey, tinted or in colour: a chest X-ray is never in colour, a stain always.

A film that was photographed or saved as JPEG has a tint: faint, and the same in light and dark. A
stain is strongest where it is dark, and glass has none.
"""

from __future__ import annotations

import numpy as np

from edge.contract.types import F64Array, U8Array

# Between grey saved as colour (0) and the palest of 22,276 real cells (3).
GREY_SPREAD = 2
# Darker pixels have no hue that could be relied on.
_LEAST_BRIGHTNESS = 48
# X-rays whose channels are dimmed by up to a fifth and saved as JPEG stay below .22 and 1.5, with a
# gamma of .93 to 1.07 for each channel below .26 and 2.7; smear fields are seldom below 2.8.
_MOST_SATURATION = 0.26
_MOST_UNEVENNESS = 2.8


def is_grey(image: U8Array) -> bool:
    """No pixel has a colour; (H,W,3) uint8 RGB."""
    return bool(np.ptp(image, axis=2).max() <= GREY_SPREAD)


def is_coloured(image: U8Array) -> bool:
    """More colour than the tint of a grey picture: too strong, or not even.

    Args:
        image: (H,W,3) uint8 RGB; the network's input size is enough.
    """
    lit = image[image.max(axis=2) > _LEAST_BRIGHTNESS].astype(np.float64)
    if len(lit) == 0:
        return False
    saturation = np.ptp(lit, axis=1) / lit.max(axis=1)
    return bool(
        np.percentile(saturation, 90) > _MOST_SATURATION or _unevenness(lit) > _MOST_UNEVENNESS
    )


def _unevenness(pixels: F64Array) -> float:
    """Mean distance, 0 to 255, of (N,3) pixels from one colour at their brightness; the channel
    that is farthest off.
    """
    brightness = pixels.mean(axis=1)
    tint = brightness @ pixels / (brightness @ brightness)
    return float(np.abs(pixels - np.outer(brightness, tint)).mean(axis=0).max())
