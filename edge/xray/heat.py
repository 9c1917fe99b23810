"""What in a chest X-ray spoke for a finding, as a colour over the picture. Draws nothing else."""

from __future__ import annotations

import cv2
import numpy as np

from edge.contract.types import F32Array, U8Array

# A place of this weight, in logits, has the full colour; fixed, so that maps can be compared. Of
# pneumonia's X-rays nine in ten reach 9 to 20 in their strongest place, of normal ones -1 to 6.
FULL_LOGITS = 20.0
_FAINTEST, _OPAQUE = 0.15, 0.85


def heat_layer(
    cam: F32Array, width_px: int, height_px: int, full_logits: float = FULL_LOGITS
) -> U8Array:
    """The colour alone, (height_px, width_px, 4) uint8 RGBA; transparent where nothing spoke.

    Args:
        cam: (h,w) float32 in logit units, over the square that holds the picture in its middle.
        width_px, height_px: of the picture that it is laid over.
        full_logits: where the colour is full.
    """
    side = max(width_px, height_px)
    heat = np.clip(cam / full_logits, 0, 1).astype(np.float32)
    square = np.clip(cv2.resize(heat, (side, side), interpolation=cv2.INTER_CUBIC), 0, 1)
    top, left = (side - height_px) // 2, (side - width_px) // 2
    heat = square[top : top + height_px, left : left + width_px]
    bgr = cv2.applyColorMap((heat * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    colour = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
    weight = np.clip((heat - _FAINTEST) / (1 - _FAINTEST), 0, 1) ** 0.5 * _OPAQUE
    return np.dstack([colour, np.rint(weight * 255).astype(np.uint8)])


def with_heat(image: U8Array, cam: F32Array, strength: float = 0.7) -> U8Array:
    """A copy of (H,W,3) uint8 RGB with the colour laid over."""
    layer = heat_layer(cam, image.shape[1], image.shape[0])
    weight = layer[:, :, 3:].astype(np.float32) / 255 * strength
    return np.asarray(image * (1 - weight) + layer[:, :, :3] * weight + 0.5, np.uint8)


def shown_at(image: U8Array, side_px: int) -> U8Array:
    """The picture, neither wider nor higher than this."""
    height, width = image.shape[:2]
    scale = side_px / max(height, width)
    if scale >= 1:
        return image
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
