"""Fills the pale centres of red cells in a mask."""

from __future__ import annotations

import cv2
import numpy as np

from edge.contract.types import U8Array

# Gaps in a rim up to this many cell diameters are closed around a pale centre.
_BRIDGE_DIAMETERS = 0.1
# A pale centre's share of its convex hull, and its shorter side over its longer one, at least.
_PALLOR_SOLIDITY = 0.86
_PALLOR_ASPECT = 0.4


def fill_pallor(mask: U8Array, diameter_px: float) -> U8Array:
    """Fills the pale centres of red cells, but not the gaps between neighbours.

    A pale centre is convex and smaller than its cell; a gap between round cells has concave sides.
    Rims broken in a few places are closed around a centre.

    Args:
        mask: (H,W) uint8, 0 or 255.
        diameter_px: typical diameter of a red cell in this mask.
    """
    bridge = max(3, int(_BRIDGE_DIAMETERS * diameter_px) | 1)
    closed = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, disc_kernel(bridge))
    centres = np.zeros_like(mask)
    contours, tree = cv2.findContours(closed, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    if tree is not None:
        cell_area = np.pi / 4 * diameter_px**2
        for contour, links in zip(contours, tree[0], strict=True):
            if links[3] >= 0 and _is_pallor(contour, cell_area):
                cv2.drawContours(centres, [contour], -1, 255, cv2.FILLED)
    near = cv2.dilate(centres, np.ones((bridge, bridge), np.uint8))
    rims = cv2.bitwise_and(closed, near)
    return np.asarray(cv2.bitwise_or(cv2.bitwise_or(mask, centres), rims), np.uint8)


def disc_kernel(side_px: int) -> U8Array:
    """A round structuring element, (side_px, side_px) uint8."""
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side_px, side_px)), np.uint8)


def _is_pallor(contour: np.ndarray, cell_area: float) -> bool:
    area = cv2.contourArea(contour)
    if area < 0.02 * cell_area:
        return True
    if area > 0.7 * cell_area:
        return False
    hull = cv2.contourArea(cv2.convexHull(contour))
    if area < _PALLOR_SOLIDITY * hull:
        return False
    _, (side, other), _ = cv2.minAreaRect(contour)
    return bool(min(side, other) > _PALLOR_ASPECT * max(side, other))
