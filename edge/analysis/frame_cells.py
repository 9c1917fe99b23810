"""A cell that was found at the network's size, as pixels of the frame."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import cv2
import numpy as np

from edge.contract.types import BoolArray, CellBox, F64Array, U8Array


@dataclass(frozen=True, eq=False)
class StainedField:
    """A field at the network's size.

    Attributes:
        image: (h,w,3) uint8 RGB.
        stained: (h,w) uint8, 255 where something is stained, else 0.
        diameter_px: of a red cell.
        stained_in_frame: (H,W) bool, the pixels of the frame that may be a cell's.
    """

    image: U8Array
    stained: U8Array
    diameter_px: float
    stained_in_frame: BoolArray

    @cached_property
    def frame_px(self) -> tuple[int, int]:
        """Height and width of the frame."""
        height, width = self.stained_in_frame.shape
        return height, width

    @cached_property
    def scale(self) -> tuple[float, float]:
        """Px of the frame for one of the image, across and down."""
        height, width = self.image.shape[:2]
        return self.frame_px[1] / width, self.frame_px[0] / height


def cell_of_mask(mask: U8Array, corner: tuple[int, int], kind: str, field: StainedField) -> CellBox:
    """An object of the image, by its 0-or-1 mask and where that lies, in px of the frame."""
    x, y, width, height = cv2.boundingRect(mask)
    height_px, width_px = field.frame_px
    across, down = field.scale
    # In a frame that is smaller than the image, the last rows are rounded beyond it.
    x0 = min(width_px - 1, round((corner[0] + x) * across))
    y0 = min(height_px - 1, round((corner[1] + y) * down))
    x1 = min(width_px, max(x0 + 1, round((corner[0] + x + width) * across)))
    y1 = min(height_px, max(y0 + 1, round((corner[1] + y + height) * down)))
    part = np.ascontiguousarray(mask[y : y + height, x : x + width]) * np.uint8(255)
    larger = cv2.resize(part, (x1 - x0, y1 - y0)) > 127
    border = x0 <= 0 or y0 <= 0 or x1 >= width_px or y1 >= height_px
    return CellBox(x0, y0, x1 - x0, y1 - y0, np.asarray(larger), kind, border)


def cell_of_box(
    box: list[float], score: float, field: StainedField, middle_share: float, edge_diameters: float
) -> CellBox:
    """A red cell: the stained pixels of the box's inscribed ellipse, and its middle.

    Args:
        box: left, top, right, bottom, px of the field's image; it may reach beyond it.
        score: how sure it is, 0 to 1.
        middle_share: of the ellipse's axes; inside it the pale centre is the cell's, stained or
            not.
        edge_diameters: a cell that comes so near to the frame's edge is cut by it.

    Returns:
        The cell, with an empty mask where the box has no pixel of the frame.
    """
    height_px, width_px = field.frame_px
    across, down = field.scale
    left, right = round(box[0] * across), round(box[2] * across)
    top, bottom = round(box[1] * down), round(box[3] * down)
    x0, y0, x1, y1 = max(0, left), max(0, top), min(width_px, right), min(height_px, bottom)
    whole, middle = _ellipses(max(1, right - left), max(1, bottom - top), middle_share)
    part = np.s_[y0 - top : y1 - top, x0 - left : x1 - left]
    mask = whole[part] & field.stained_in_frame[y0:y1, x0:x1]
    mask |= middle[part]
    near_px = max(1, round(edge_diameters * field.diameter_px * across))
    border = _reaches_edge(mask, (x0, y0, x1, y1), field.frame_px, near_px)
    return CellBox(x0, y0, x1 - x0, y1 - y0, mask, "rbc", border, score)


def _reaches_edge(
    mask: BoolArray, box: tuple[int, int, int, int], frame_px: tuple[int, int], near_px: int
) -> bool:
    """Whether a cell, not the room that its box leaves, comes near the frame's edge."""
    x0, y0, x1, y1 = box
    return bool(
        (x0 == 0 and mask[:, :near_px].any())
        or (y0 == 0 and mask[:near_px].any())
        or (x1 == frame_px[1] and mask[:, -near_px:].any())
        or (y1 == frame_px[0] and mask[-near_px:].any())
    )


# Cells of one size are many; of a camera's whole range of sizes all would fill the memory.
@lru_cache(maxsize=256)
def _ellipses(width_px: int, height_px: int, share: float) -> tuple[BoolArray, BoolArray]:
    """The ellipse inscribed in a box, and a smaller one about the same middle."""
    away = _squared(height_px)[:, None] + _squared(width_px)
    return np.asarray(away <= 1), np.asarray(away <= share**2)


@lru_cache(maxsize=1024)
def _squared(length_px: int) -> F64Array:
    """Squared distances of pixels from the middle of a side, which ends at 1."""
    return np.asarray(((np.arange(length_px) + 0.5) / length_px * 2 - 1) ** 2)
