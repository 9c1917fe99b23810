"""Where the stain is: an even stain map of a field and the mask of what is stained.

Owns the estimate of the background and of the threshold; knows nothing of single cells.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from edge.contract.types import F64Array, U8Array

GREEN = 1
_LEAST_OF_ROUGH = 0.4
_OPEN_HOLE_SHARE = 0.05
_GRID_PX = 10
# Surface fitting: rounds, and the pull of blocks below the surface, which hold cells.
_SURFACE_ROUNDS = 6
_CELL_BLOCK_WEIGHT = 0.02
_BACKGROUND_PERCENTILE = 85.0
_BRIDGE_DIAMETERS = 0.1
_PALLOR_SOLIDITY = 0.86
_PALLOR_ASPECT = 0.4


@dataclass(frozen=True)
class MaskSettings:
    """How stained pixels are told from glass. Lengths in red-cell diameters.

    Attributes:
        least_contrast: of red cells over glass, in `stain_map` units; less is an empty field.
        edge_fraction: how far from glass to cell an edge lies, 0 to 1.
        cap_fraction: stain above this share of a red cell's counts as no darker, so that the dark
            parts of cells do not make valleys of the rest.
        valley_fraction: depth, as a share of a red cell's stain, of the pale line between
            neighbours that parts them.
        valley_diameters: greatest width of such a line.
        open_diameters: width of what is too thin for a cell: text, scale bars, fibres.
    """

    least_contrast: int = 10
    edge_fraction: float = 0.3
    cap_fraction: float = 0.9
    valley_fraction: float = 0.2
    valley_diameters: float = 0.4
    open_diameters: float = 0.14


def cell_mask(
    image: U8Array, expected_px: float | None, settings: MaskSettings
) -> tuple[U8Array, float] | None:
    """The mask of what is stained, pale centres filled and thin gaps open, and a cell's diameter.

    Args:
        image: (H,W,3) uint8 RGB.
        expected_px: diameter that a red cell should have, None where the scale is not known.

    Returns:
        (H,W) uint8 0 or 255, and the typical diameter in px; None where nothing is stained.
    """
    stain = stain_map(np.ascontiguousarray(image[:, :, GREEN]))
    levels = stain_levels(stain)
    if levels is None or levels[1] - levels[0] < settings.least_contrast:
        return None
    glass, cell = levels
    threshold = round(glass + settings.edge_fraction * (cell - glass))
    raw = np.asarray((stain > threshold) * np.uint8(255), np.uint8)
    diameter_px = typical_diameter(raw, expected_px)
    if diameter_px is None:
        return None
    parted = _open_valleys(stain, raw, cell, diameter_px, settings)
    side = max(3, int(settings.open_diameters * diameter_px) | 1)
    whole = fill_pallor(parted, diameter_px)
    return np.asarray(cv2.morphologyEx(whole, cv2.MORPH_OPEN, _disc(side)), np.uint8), diameter_px


def _open_valleys(
    stain: U8Array, raw: U8Array, cell: int, diameter_px: float, settings: MaskSettings
) -> U8Array:
    """The mask with its pale centres filled and the pale lines between neighbours cut."""
    filled = fill_pallor(raw, diameter_px)
    top = np.uint8(settings.cap_fraction * cell)
    level = np.minimum(stain, top)
    level[filled > raw] = top
    side = max(3, int(settings.valley_diameters * diameter_px) | 1)
    closed = cv2.morphologyEx(level, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))
    filled[cv2.subtract(closed, level) > settings.valley_fraction * cell] = 0
    return filled


def typical_diameter(raw: U8Array, expected_px: float | None) -> float | None:
    """Diameter of a red cell in px, from the field itself.

    The median of round single objects, near the size that most stained area has as inscribed
    circles. The expected size wins where the two disagree beyond what red cells vary.

    Args:
        raw: (H,W) uint8 mask, 0 or 255.
        expected_px: from the microscope's scale, None where not known.
    """
    # Half the size is exact enough for a median over the field, and four times faster.
    half = np.ascontiguousarray(raw[::2, ::2])
    filled = fill_pallor(half, _OPEN_HOLE_SHARE * sum(half.shape))
    rough = _inscribed_diameter(filled)
    if rough is None:
        return None
    round_ones = _round_diameters(filled)
    # Clumps swell the rough estimate, the more so the less sharp the field is; specks are smaller.
    near = np.sort(round_ones[(round_ones > _LEAST_OF_ROUGH * rough) & (round_ones < 1.4 * rough)])
    measured = 1.05 * rough
    if len(near) >= 4:
        running = np.cumsum(near**2)
        measured = float(near[np.searchsorted(running, running[-1] / 2)])
    measured *= 2.0
    if expected_px is not None and not 0.6 < measured / expected_px < 1.6:
        return expected_px
    return measured


def _inscribed_diameter(mask: U8Array) -> float | None:
    """Median of the inscribed circles' diameters, each weighted by its area."""
    distance = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
    highest = cv2.dilate(distance, np.ones((5, 5), np.uint8))
    peaks = np.logical_and(distance >= highest, distance >= 2.0)
    radii = np.sort(distance[peaks])
    if radii.size == 0:
        return None
    running = np.cumsum(radii.astype(np.float64) ** 2)
    return 2.0 * float(radii[np.searchsorted(running, running[-1] / 2)])


def _round_diameters(mask: U8Array) -> F64Array:
    """Diameters of the round objects that the frame does not cut."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask)
    left, top, width, height, area = stats[1:].T.astype(np.float64)
    inside = (left > 0) & (top > 0)
    inside &= (left + width < mask.shape[1]) & (top + height < mask.shape[0])
    even = np.abs(width - height) < 0.2 * np.maximum(width, height)
    disc = inside & even & (area > 0.7 * width * height)
    return np.asarray(np.sqrt(4 / np.pi * area[disc]), np.float64)


def stain_map(green: U8Array) -> U8Array:
    """How much of the light each pixel absorbs, with the background made even.

    Haemoglobin, eosin and the azure dyes all absorb green, so the green channel shows every cell
    whatever the stain and the white balance.

    Args:
        green: (H,W) uint8, the green channel.

    Returns:
        (H,W) uint8, 255 * (1 - green / background); 0 is clear glass.
    """
    smooth = np.asarray(cv2.GaussianBlur(green, (3, 3), 0), np.uint8)
    even = cv2.divide(smooth, background_surface(smooth), scale=255.0)
    return np.asarray(cv2.bitwise_not(even), np.uint8)


def background_surface(channel: U8Array) -> U8Array:
    """Brightness of clear glass at each pixel: a quadratic, as vignetting nearly is.

    Fitted to bright percentiles of blocks; blocks below the surface hold cells and count little.

    Args:
        channel: (H,W) uint8.

    Returns:
        (H,W) uint8, at least 1.
    """
    height, width = channel.shape
    rows, cols = max(1, height // 40), max(1, width // 40)
    small = cv2.resize(channel, (cols * _GRID_PX, rows * _GRID_PX), interpolation=cv2.INTER_AREA)
    blocks = small.reshape(rows, _GRID_PX, cols, _GRID_PX).swapaxes(1, 2).reshape(rows * cols, -1)
    bright = np.percentile(blocks, _BACKGROUND_PERCENTILE, axis=1)
    terms = _quadratic_terms(rows, cols)
    weights = np.where(bright >= np.median(bright), 1.0, _CELL_BLOCK_WEIGHT)
    fitted = bright
    for _ in range(_SURFACE_ROUNDS):
        root = np.sqrt(weights)
        solution = np.linalg.lstsq(terms * root[:, None], bright * root, rcond=None)[0]
        fitted = terms @ solution
        weights = np.where(bright >= fitted - 3.0, 1.0, _CELL_BLOCK_WEIGHT)
    grid = np.clip(np.rint(fitted), 1.0, 255.0).reshape(rows, cols).astype(np.uint8)
    return np.asarray(cv2.resize(grid, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _quadratic_terms(rows: int, cols: int) -> np.ndarray:
    y, x = np.mgrid[0:rows, 0:cols].astype(np.float64)
    y = (y.ravel() + 0.5) / rows - 0.5
    x = (x.ravel() + 0.5) / cols - 0.5
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)


def stain_levels(stain: U8Array) -> tuple[int, int] | None:
    """Typical stain of glass and of a red cell, None where there are not two kinds of pixel.

    Otsu's threshold parts glass from cells; dark nuclei are clipped to the red cells' level first,
    since they would pull it up.

    Args:
        stain: (H,W) uint8 from `stain_map`.
    """
    first, _ = cv2.threshold(stain, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    counts = np.bincount(stain.ravel(), minlength=256)
    cell = _median_of(counts, int(first) + 1, 256)
    if cell is None:
        return None
    clipped = np.minimum(stain, np.uint8(cell))
    second, _ = cv2.threshold(clipped, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    glass = _median_of(counts, 0, int(second) + 1)
    cell = _median_of(counts, int(second) + 1, 256)
    return None if glass is None or cell is None else (glass, cell)


def _median_of(counts: np.ndarray, low: int, high: int) -> int | None:
    """Median of the values in [low, high) of a histogram, None where there are none."""
    running = np.cumsum(counts[low:high])
    if running.size == 0 or running[-1] == 0:
        return None
    return low + int(np.searchsorted(running, running[-1] / 2))


def fill_pallor(mask: U8Array, diameter_px: float) -> U8Array:
    """Fills the pale centres of red cells, but not the gaps between neighbours.

    A pale centre is convex and smaller than its cell; a gap between round cells has concave sides.
    Rims broken in a few places are closed around a centre.

    Args:
        mask: (H,W) uint8, 0 or 255.
        diameter_px: typical diameter of a red cell in this mask.
    """
    bridge = max(3, int(_BRIDGE_DIAMETERS * diameter_px) | 1)
    closed = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, _disc(bridge))
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


def _disc(side_px: int) -> U8Array:
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
