"""From the boxes of a learned finder to the objects of a field: a mask each, white cells, the rest.

The network says where red cells are; what is stained says which pixels are theirs. White cells are
told by the purple of their nuclei, as the classical finder does, and what no cell explains is a
platelet or debris.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from edge.analysis.foreground import GREEN, stain_levels, stain_map
from edge.analysis.frame_cells import StainedField, cell_of_box, cell_of_mask
from edge.analysis.nuclei import (
    FieldColours,
    field_colours,
    is_platelet_colour,
    is_white_nucleus,
    nucleus_mask,
    white_cell_regions,
)
from edge.contract.cell_grid import GridCells
from edge.contract.types import BoolArray, CellBox, F32Array, U8Array


@dataclass(frozen=True)
class ObjectSettings:
    """What else is in a field. Areas are shares of a typical red cell's area.

    Attributes:
        object_fraction: how far from glass to cell lies what is stained at all, 0 to 1.
        edge_fraction: how far from glass to cell a cell's edge lies, 0 to 1; a low one leaves a rim
            of glass about it, which a network of cells cut out closely takes for something else.
        middle_share: of a cell's sides; inside it the pale centre is the cell's, stained or not.
        least_stained_share: of a box; with less it holds no cell, not even a pale one.
        least_cut_share: the same where the frame's edge cuts the box, of what shows: there the
            network guesses, since cut cells often carry no label.
        edge_diameters: a cell that comes so near to the frame's edge is cut by it.
        nucleus_share: smallest nucleus of a white cell.
        same_cell_overlap: intersection over union from which on a box is a white cell's.
        least_object_share: smaller objects are specks and left out.
        least_contrast: of cells over glass, in `stain_map` units; with less all boxes are cells.
    """

    object_fraction: float = 0.3
    edge_fraction: float = 0.7
    middle_share: float = 0.7
    least_stained_share: float = 0.25
    least_cut_share: float = 0.45
    edge_diameters: float = 0.03
    nucleus_share: float = 0.3
    same_cell_overlap: float = 0.3
    least_object_share: float = 0.06
    least_contrast: int = 10


_DEFAULTS = ObjectSettings()


def objects_of(
    image: U8Array,
    cells: GridCells,
    frame_px: tuple[int, int],
    settings: ObjectSettings = _DEFAULTS,
) -> tuple[CellBox, ...]:
    """The objects of a field.

    Args:
        image: (h,w,3) uint8 RGB, as the network saw the field.
        cells: what it found there.
        frame_px: height and width of the frame.

    Returns:
        White cells first, then red cells, the surest first, then platelets and debris; boxes and
        masks in px of the frame.
    """
    diameter_px = cells.diameter_px()
    if diameter_px is None:
        return ()
    stained, in_frame = _stained(image, frame_px, settings)
    field = StainedField(image, stained, diameter_px, in_frame)
    colours = field_colours(image, field.stained)
    cells = _stained_enough(cells, stained, settings)
    white = _white_regions(field, colours, settings)
    red = _outside(cells, white)
    boxes = [_white_box(region, cells, settings) for region in white]
    found = [_white(box, region, field, settings) for box, region in zip(boxes, white, strict=True)]
    made = (
        _red(box, score, field, settings)
        for box, score in zip(red.boxes.tolist(), red.scores.tolist(), strict=True)
    )
    # In a frame that is smaller than the image, a box may have no pixel.
    found += [cell for cell in made if cell.mask.size]
    if stained.all():
        # Nothing tells cells from glass; the glass would be an object, too.
        return tuple(found)
    explained = [*red.boxes.tolist(), *(box for box in boxes if box)]
    return tuple(found + _others(field, explained, white, colours, settings))


def _stained(
    image: U8Array, frame_px: tuple[int, int], settings: ObjectSettings
) -> tuple[U8Array, BoolArray]:
    """What is stained, (h,w) uint8 0 or 255; and in the frame what is a cell's, (H,W) bool."""
    stain = stain_map(np.ascontiguousarray(image[:, :, GREEN]))
    glass, cell = stain_levels(stain) or (0, 0)
    if cell - glass < settings.least_contrast:
        return np.full(stain.shape, 255, np.uint8), np.ones(frame_px, bool)
    # Whole numbers above a limit are those above the whole number below it.
    outer, inner = (
        int(glass + share * (cell - glass))
        for share in (settings.object_fraction, settings.edge_fraction)
    )
    _, stained = cv2.threshold(stain, outer, 255, cv2.THRESH_BINARY)
    # Enlarged as a whole, which takes less than one small part for each cell.
    in_frame = cv2.resize(stain, frame_px[::-1])
    cv2.threshold(in_frame, inner, 1, cv2.THRESH_BINARY, dst=in_frame)
    return np.asarray(stained, np.uint8), in_frame.view(bool)


def _white_regions(
    field: StainedField, colours: FieldColours, settings: ObjectSettings
) -> tuple[BoolArray, ...]:
    nuclei = nucleus_mask(field.image, colours)
    found = white_cell_regions(nuclei, field.diameter_px, settings.nucleus_share)
    purple = nuclei > 0
    return tuple(
        region for region in found if is_white_nucleus(field.image, region & purple, colours)
    )


def _outside(cells: GridCells, white: tuple[BoolArray, ...]) -> GridCells:
    """Those whose middles lie in no white cell."""
    if not white:
        return cells
    boxes = cells.boxes
    taken = np.logical_or.reduce(white)
    height, width = taken.shape
    middle = np.rint((boxes[:, :2] + boxes[:, 2:]) / 2).astype(int)
    x, y = np.clip(middle[:, 0], 0, width - 1), np.clip(middle[:, 1], 0, height - 1)
    kept = ~taken[y, x]
    return GridCells(np.asarray(boxes[kept]), np.asarray(cells.scores[kept]))


def _stained_enough(cells: GridCells, stained: U8Array, settings: ObjectSettings) -> GridCells:
    """Those of which something shows, and enough of that is stained."""
    end = np.array(stained.shape[::-1] * 2)
    left, top, right, bottom = np.clip(np.rint(cells.boxes), 0, end).astype(int).T
    sums = cv2.integral(stained)
    inside = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
    area = np.maximum(right - left, 0) * np.maximum(bottom - top, 0)
    cut = ((cells.boxes[:, :2] < 0) | (cells.boxes[:, 2:] > end[:2])).any(axis=1)
    least = np.where(cut, settings.least_cut_share, settings.least_stained_share)
    kept = (area > 0) & (inside >= 255 * least * area)
    return GridCells(np.asarray(cells.boxes[kept]), np.asarray(cells.scores[kept]))


def _red(box: list[float], score: float, field: StainedField, settings: ObjectSettings) -> CellBox:
    return cell_of_box(box, score, field, settings.middle_share, settings.edge_diameters)


def _white_box(region: BoolArray, cells: GridCells, settings: ObjectSettings) -> list[float] | None:
    """The box that the network gave a white cell, which holds its pale cytoplasm, too, and its
    nucleus with a rim; None where it gave none.
    """
    x, y, width, height = cv2.boundingRect(region.view(np.uint8))
    own = np.array([x, y, x + width, y + height], np.float32)
    overlap = _overlaps(cells.boxes, own)
    if overlap.max(initial=0.0) < settings.same_cell_overlap:
        return None
    box = cells.boxes[overlap.argmax()]
    return [*np.minimum(box, own)[:2].tolist(), *np.maximum(box, own)[2:].tolist()]


def _white(
    box: list[float] | None, region: BoolArray, field: StainedField, settings: ObjectSettings
) -> CellBox:
    if box is None:
        return cell_of_mask(np.ascontiguousarray(region.view(np.uint8)), (0, 0), "wbc", field)
    return replace(_red(box, 1.0, field, settings), kind="wbc")


def _overlaps(boxes: F32Array, one: F32Array) -> F32Array:
    """(N,) intersection over union of (N,4) boxes with one."""
    start, end = np.maximum(boxes[:, :2], one[:2]), np.minimum(boxes[:, 2:], one[2:])
    shared = np.clip(end - start, 0, None).prod(axis=1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) + (one[2:] - one[:2]).prod()
    return np.asarray(shared / np.maximum(areas - shared, 1e-6), np.float32)


def _others(
    field: StainedField,
    explained: list[list[float]],
    white: tuple[BoolArray, ...],
    colours: FieldColours,
    settings: ObjectSettings,
) -> list[CellBox]:
    """Stained objects that no cell's box explains; what a cell's rim leaves over is none."""
    rest = field.stained.copy()
    for left, top, right, bottom in explained:
        centre = (round((left + right) / 2), round((top + bottom) / 2))
        axes = (round((right - left) * 0.6), round((bottom - top) * 0.6))
        cv2.ellipse(rest, centre, axes, 0, 0, 360, 0, cv2.FILLED)
    for region in white:
        rest[region] = 0
    found = []
    for corner, mask in _pieces(
        rest, settings.least_object_share * np.pi / 4 * field.diameter_px**2
    ):
        (x, y), (height, width) = corner, mask.shape
        colour = field.image[y : y + height, x : x + width][mask].mean(axis=0, dtype=np.float32)
        kind = "platelet" if is_platelet_colour(colour, colours) else "debris"
        found.append(cell_of_mask(mask.view(np.uint8), corner, kind, field))
    return found


def _pieces(rest: U8Array, least_px: float) -> Iterator[tuple[tuple[int, int], BoolArray]]:
    """Corner and mask of each connected piece that is large enough and not cut by the edge.

    What the frame's edge cuts may be the rest of a red cell as well.
    """
    # Little is left, so its pixels are counted here; OpenCV's statistics look at all of the field.
    count, labels = cv2.connectedComponents(rest, connectivity=4)
    rows, columns = np.divmod(np.flatnonzero(rest.view(bool)), rest.shape[1])
    label = labels[rows, columns]
    areas = np.bincount(label, minlength=count)
    for piece in np.flatnonzero(areas >= least_px).tolist():
        x, y = columns[label == piece], rows[label == piece]
        x0, y0, x1, y1 = int(x.min()), int(y.min()), int(x.max()) + 1, int(y.max()) + 1
        if x0 > 0 and y0 > 0 and x1 < rest.shape[1] and y1 < rest.shape[0]:
            yield (x0, y0), np.asarray(labels[y0:y1, x0:x1] == piece)
