"""Whether a picture is grey, tinted or in colour: a chest X-ray is never in colour, a stain always.

A film that was photographed or saved as JPEG has a tint; that is one hue, and faint.
"""

from __future__ import annotations

import numpy as np

from edge.contract.types import F64Array, U8Array

# Between grey saved as colour (0) and the palest of 22,276 real cells (3).
GREY_SPREAD = 2
# Darker pixels have no hue that could be relied on.
_LEAST_BRIGHTNESS = 48
# X-rays (every tenth of 4,006) with channels dimmed by up to a fifth and saved as JPEG stay below
# .22 and 1.2.
_MOST_SATURATION = 0.25
_MOST_HUE_RESIDUAL = 2.0


def is_grey(image: U8Array) -> bool:
    """No pixel has a colour; (H,W,3) uint8 RGB."""
    return bool(np.ptp(image, axis=2).max() <= GREY_SPREAD)


def is_coloured(image: U8Array) -> bool:
    """More colour than the tint of a grey picture: too strong, or of several hues.

    Args:
        image: (H,W,3) uint8 RGB; the network's input size is enough.
    """
    brightest = image.max(axis=2)
    lit = brightest > _LEAST_BRIGHTNESS
    if not lit.any():
        return False
    saturation = np.ptp(image, axis=2)[lit] / brightest[lit]
    if np.percentile(saturation, 90) > _MOST_SATURATION:
        return True
    return _hue_residual(image.reshape(-1, 3).astype(np.float64)) > _MOST_HUE_RESIDUAL


def _hue_residual(pixels: F64Array) -> float:
    """Mean distance, 0 to 255, of the channels from what brightness alone tells of them.

    Under one tint each channel is a smooth function of brightness, here a parabola.
    """
    brightness = pixels.mean(axis=1)
    powers = np.stack([np.ones_like(brightness), brightness, brightness**2], axis=1)
    fitted, *_ = np.linalg.lstsq(powers, pixels, rcond=None)
    return float(np.abs(pixels - powers @ fitted).mean(axis=0).max())
