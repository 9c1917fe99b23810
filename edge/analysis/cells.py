"""Finds each cell of a field, with its mask and kind. Classical image processing, no network.

Does not judge whether the field is fit to be read (`quality`) nor whether a cell is infected.
Works at reduced size; boxes and masks are in px of the frame.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from edge.analysis.cell_mask import MaskSettings, cell_mask
from edge.analysis.cell_size import RBC_DIAMETER_UM
from edge.analysis.nuclei import (
    FieldColours,
    field_colours,
    is_platelet_colour,
    nucleus_mask,
    white_cell_regions,
)
from edge.analysis.splitting import (
    Seeds,
    SplitSettings,
    cut_at_waists,
    find_seeds,
    revise_seeds,
    thin_cuts,
)
from edge.contract.types import BoolArray, CellBox, F64Array, Frame, I32Array, U8Array


@dataclass(frozen=True)
class FinderSettings:
    """How cells are found. Areas are shares of a typical red cell's area.

    Attributes:
        work_side_px: the longer side at which the work is done.
        least_side_px: smaller frames hold no field.
        least_diameter_px: red cells smaller than this at working size call for a larger size.
        least_object_share: smaller objects are specks and left out.
        least_rbc_share: smaller objects are platelets or debris.
        least_border_share: the same for objects cut by the frame's edge.
        most_rbc_share: larger objects are clumps that could not be parted.
        nucleus_share: smallest nucleus of a white cell.
        mask: how cells are told from glass.
        split: how touching cells are parted.
    """

    work_side_px: int = 640
    least_side_px: int = 64
    least_diameter_px: float = 14.0
    least_object_share: float = 0.03
    least_rbc_share: float = 0.35
    least_border_share: float = 0.05
    most_rbc_share: float = 2.5
    nucleus_share: float = 0.3
    mask: MaskSettings = field(default_factory=MaskSettings)
    split: SplitSettings = field(default_factory=SplitSettings)


@dataclass(frozen=True, eq=False)
class _Work:
    """A field at working size: (h,w,3) image, its mask, and the red cells' diameter."""

    image: U8Array
    mask: U8Array
    diameter_px: float

    @property
    def cell_area(self) -> float:
        return float(np.pi / 4 * self.diameter_px**2)


@dataclass(frozen=True, eq=False)
class _Found:
    """One object at working size."""

    left: int
    top: int
    mask: BoolArray
    kind: str
    at_border: bool


_DEFAULTS = FinderSettings()


def find_cells(frame: Frame, settings: FinderSettings = _DEFAULTS) -> tuple[CellBox, ...]:
    """Finds the objects of a field: red and white cells, platelets, debris.

    Where cells overlap, so do their masks. The same frame always gives the same cells. What is no
    field (too small, flat, empty) gives none; ask `assess_quality` first.

    Args:
        frame: with `um_per_px` where known; else the size of a red cell is measured in the field.
        settings: see there.

    Returns:
        Objects, white cells first, then in the order of their seeds.
    """
    height_px, width_px = frame.image.shape[:2]
    if min(height_px, width_px) < settings.least_side_px:
        return ()
    work = _prepare(frame, settings)
    if work is None:
        return ()
    found = _white_and_other_cells(work, settings)
    return tuple(_to_frame(one, work.image.shape, (height_px, width_px)) for one in found)


def _prepare(frame: Frame, settings: FinderSettings) -> _Work | None:
    """The field at a size where its red cells are large enough, None where nothing is stained."""
    longest = max(frame.image.shape[:2])
    work = _prepare_at(frame, min(1.0, settings.work_side_px / longest), settings)
    if work is None or work.diameter_px >= settings.least_diameter_px:
        return work
    larger = settings.work_side_px * 1.5 * settings.least_diameter_px / work.diameter_px
    scale = min(1.0, larger / longest, 4 * settings.work_side_px / longest)
    return _prepare_at(frame, scale, settings)


def _prepare_at(frame: Frame, scale: float, settings: FinderSettings) -> _Work | None:
    height_px, width_px = frame.image.shape[:2]
    size = (max(1, round(width_px * scale)), max(1, round(height_px * scale)))
    image = frame.image
    if scale < 1.0:
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    expected = RBC_DIAMETER_UM / frame.um_per_px * scale if frame.um_per_px else None
    made = cell_mask(image, expected, settings.mask)
    return None if made is None else _Work(image, *made)


def _white_and_other_cells(work: _Work, settings: FinderSettings) -> list[_Found]:
    colours = field_colours(work.image, work.mask)
    regions = _white_regions(work, colours, settings)
    rest = work.mask.copy()
    for region in regions:
        rest[region] = 0
    white = [_cropped(region, "wbc") for region in regions]
    return white + _other_cells(_Work(work.image, rest, work.diameter_px), colours, settings)


def _white_regions(
    work: _Work, colours: FieldColours, settings: FinderSettings
) -> tuple[BoolArray, ...]:
    # Nuclei are large: a quarter of the pixels shows them.
    half = np.ascontiguousarray(work.image[::2, ::2])
    nuclei = nucleus_mask(half, colours)
    regions = white_cell_regions(nuclei, work.diameter_px / 2, settings.nucleus_share)
    size = (work.image.shape[1], work.image.shape[0])
    return tuple(
        cv2.resize(r.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0 for r in regions
    )


def _cropped(region: BoolArray, kind: str) -> _Found:
    left, top, width, height = cv2.boundingRect(region.astype(np.uint8))
    border = _touches_border(left, top, width, height, region.shape)
    return _Found(left, top, region[top : top + height, left : left + width], kind, border)


def _touches_border(left: int, top: int, width: int, height: int, shape: tuple[int, ...]) -> bool:
    return left <= 0 or top <= 0 or left + width >= shape[1] or top + height >= shape[0]


def _other_cells(work: _Work, colours: FieldColours, settings: FinderSettings) -> list[_Found]:
    seeds = find_seeds(work.mask, work.diameter_px, settings.split)
    if len(seeds.radius_px) == 0:
        return []
    seeds = revise_seeds(work.mask, seeds, work.diameter_px, settings.split)
    labels = cut_at_waists(work.mask, seeds)
    return _objects(work, labels, seeds, colours, settings)


def _objects(
    work: _Work, labels: I32Array, seeds: Seeds, colours: FieldColours, settings: FinderSettings
) -> list[_Found]:
    found = []
    for index, piece in enumerate(_largest_pieces(labels, len(seeds.radius_px))):
        share = 0.0 if piece is None else np.count_nonzero(piece.mask) / work.cell_area
        if piece is None or share < settings.least_object_share:
            continue
        kind = _kind(work, piece, share, colours, settings)
        whole = piece
        if kind == "rbc":
            radius = min(float(seeds.radius_px[index]), 0.6 * work.diameter_px)
            whole = _filled(_with_disc(work.mask, piece, seeds.xy_px[index], int(radius)))
        found.append(replace(whole, kind=kind))
    return found


def _largest_pieces(labels: I32Array, label_count: int) -> list[_Found | None]:
    """The largest piece of each label; what a cut left over beside it belongs to no cell."""
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(thin_cuts(labels), connectivity=4)
    label_of = np.zeros(count, np.int32)
    label_of[pieces.ravel()] = labels.ravel()
    order = np.argsort(stats[1:, cv2.CC_STAT_AREA], kind="stable") + 1
    largest = np.zeros(label_count + 1, np.int64)
    largest[label_of[order]] = order
    found: list[_Found | None] = []
    for piece in largest[1:].tolist():
        left, top, width, height, _ = stats[piece].tolist()
        mask = pieces[top : top + height, left : left + width] == piece
        border = _touches_border(left, top, width, height, labels.shape)
        found.append(_Found(left, top, mask, "", border) if piece else None)
    return found


def _kind(
    work: _Work, piece: _Found, share: float, colours: FieldColours, settings: FinderSettings
) -> str:
    least = settings.least_border_share if piece.at_border else settings.least_rbc_share
    if share > settings.most_rbc_share:
        return "debris"
    if share >= least:
        return "rbc"
    height, width = piece.mask.shape
    pixels = work.image[piece.top : piece.top + height, piece.left : piece.left + width]
    colour = pixels[piece.mask].mean(axis=0, dtype=np.float32)
    return "platelet" if is_platelet_colour(colour, colours) else "debris"


def _with_disc(stained: U8Array, piece: _Found, xy: F64Array, radius: int) -> _Found:
    """The cell's own pixels and its inscribed circle, which reaches under an overlapping one."""
    x, y = np.rint(xy).astype(int).tolist()
    height, width = piece.mask.shape
    reach = radius + 1
    left, top = max(0, min(piece.left, x - reach)), max(0, min(piece.top, y - reach))
    right = min(stained.shape[1], max(piece.left + width, x + reach))
    bottom = min(stained.shape[0], max(piece.top + height, y + reach))
    whole = np.zeros((bottom - top, right - left), np.uint8)
    cv2.circle(whole, (x - left, y - top), radius, 1, cv2.FILLED)
    whole &= stained[top:bottom, left:right]
    row, column = piece.top - top, piece.left - left
    whole[row : row + height, column : column + width] |= piece.mask
    x0, y0, w, h = cv2.boundingRect(whole)
    mask = whole[y0 : y0 + h, x0 : x0 + w] > 0
    border = piece.at_border or _touches_border(left + x0, top + y0, w, h, stained.shape)
    return replace(piece, left=left + x0, top=top + y0, mask=mask, at_border=border)


def _filled(piece: _Found) -> _Found:
    """The cell without holes: the middle of a pale cell is as light as glass, and is the cell's."""
    outline, _ = cv2.findContours(
        piece.mask.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    whole = np.zeros(piece.mask.shape, np.uint8)
    cv2.drawContours(whole, outline, -1, 1, cv2.FILLED)
    return replace(piece, mask=whole > 0)


def _to_frame(one: _Found, work_shape: tuple[int, ...], shape_px: tuple[int, int]) -> CellBox:
    """An object's box and mask in px of the frame."""
    height_px, width_px = shape_px
    across, down = width_px / work_shape[1], height_px / work_shape[0]
    height, width = one.mask.shape
    left, top = round(one.left * across), round(one.top * down)
    right = min(width_px, max(left + 1, round((one.left + width) * across)))
    bottom = min(height_px, max(top + 1, round((one.top + height) * down)))
    mask = one.mask
    if (bottom - top, right - left) != mask.shape:
        smooth = cv2.resize(mask.view(np.uint8) * np.uint8(255), (right - left, bottom - top))
        mask = smooth > 127
    return CellBox(left, top, right - left, bottom - top, mask, one.kind, one.at_border)
