"""The mask of a field's cells: stained, pale centres filled, thin gaps between neighbours open."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from edge.analysis.cell_size import CellSize, measure_cells
from edge.analysis.foreground import GREEN, stain_levels, stain_map
from edge.analysis.pallor import disc_kernel, fill_pallor
from edge.contract.types import U8Array

# Of the field; a few round specks do not tell which edge is right.
_LEAST_GAIN_FRACTION = 0.02
_RED, _BLUE = 0, 2
_CHANNELS = (GREEN, _RED, _BLUE)


@dataclass(frozen=True)
class MaskSettings:
    """How stained pixels are told from glass. Lengths in red-cell diameters.

    Attributes:
        least_contrast: of red cells over glass, in `stain_map` units; less is an empty field.
        edge_fractions: how far from glass to cell an edge may lie, 0 to 1, the usual one first.
        better_by: a further fraction is taken where it gives so many times the round cells' area.
        cap_fraction: stain above this share of a red cell's counts as no darker, so that the dark
            parts of cells do not make valleys of the rest.
        valley_fraction: depth, as a share of a red cell's stain, of the pale line between
            neighbours that parts them.
        valley_diameters: greatest width of such a line.
        open_diameters: width of what is too thin for a cell: text, scale bars, fibres.
        enough_round_fraction: share of the field under round single cells from which on the green
            channel is not doubted.
    """

    least_contrast: int = 10
    edge_fractions: tuple[float, ...] = (0.3, 0.5, 0.7)
    better_by: float = 1.3
    cap_fraction: float = 0.9
    valley_fraction: float = 0.2
    valley_diameters: float = 0.4
    open_diameters: float = 0.14
    enough_round_fraction: float = 0.01


@dataclass(frozen=True, eq=False)
class _Stained:
    """What one channel shows: (H,W) stain and mask, a red cell's stain, and the cells' size."""

    stain: U8Array
    raw: U8Array
    cell: int
    size: CellSize


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
    stained = _clearest_channel(image, settings)
    if stained is None:
        return None
    stain, raw, cell, diameter_px = (
        stained.stain,
        stained.raw,
        stained.cell,
        stained.size.diameter_px,
    )
    if expected_px is not None and not 0.7 < diameter_px / expected_px < 1.35:
        # No smear's mean cell is so small or so large: clumps or specks were measured.
        diameter_px = expected_px
    parted = _open_valleys(stain, raw, cell, diameter_px, settings)
    side = max(3, int(settings.open_diameters * diameter_px) | 1)
    whole = fill_pallor(parted, diameter_px)
    return np.asarray(
        cv2.morphologyEx(whole, cv2.MORPH_OPEN, disc_kernel(side)), np.uint8
    ), diameter_px


def _clearest_channel(image: U8Array, settings: MaskSettings) -> _Stained | None:
    """Green, as a rule; another channel where green shows few round cells and it shows more.

    Stained plasma absorbs green as cells do, and then only red light tells them apart.
    """
    best = None
    for channel in _CHANNELS:
        if best is not None and best.size.round_area_fraction >= settings.enough_round_fraction:
            break
        found = _stained_in(image, channel, settings)
        if found is not None and (best is None or _is_clearer(found.size, best.size, settings)):
            best = found
    return best


def _stained_in(image: U8Array, channel: int, settings: MaskSettings) -> _Stained | None:
    stain = stain_map(np.ascontiguousarray(image[:, :, channel]))
    levels = stain_levels(stain)
    if levels is None or levels[1] - levels[0] < settings.least_contrast:
        return None
    raw, size = _best_mask(stain, *levels, settings)
    return _Stained(stain, raw, levels[1], size) if size.diameter_px > 0 else None


def _is_clearer(size: CellSize, best: CellSize, settings: MaskSettings) -> bool:
    needed = settings.better_by * best.round_area_fraction + _LEAST_GAIN_FRACTION
    return best.diameter_px <= 0.0 or size.round_area_fraction > needed


def _best_mask(
    stain: U8Array, glass: int, cell: int, settings: MaskSettings
) -> tuple[U8Array, CellSize]:
    """The mask, of one for each edge fraction, in which most of the field is round single cells.

    A low edge keeps pale cells whole; where plasma is stained too it joins what is apart.
    """
    best, best_size = stain, CellSize(0.0, 0.0)
    for fraction in settings.edge_fractions:
        threshold = round(glass + fraction * (cell - glass))
        raw = np.asarray((stain > threshold) * np.uint8(255), np.uint8)
        size = measure_cells(raw)
        if size is not None and _is_clearer(size, best_size, settings):
            best, best_size = raw, size
    return best, best_size


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
