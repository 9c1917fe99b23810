"""Evidence as pictures: annotated fields, cells in their context, class activation over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from edge.contract.labels import NON_RBC, is_infected
from edge.contract.types import F32Array, U8Array

VIEW_PX = 160
_BEYOND_FIELD = 128
# A contribution of this size, in logits, saturates the heat map; fixed, so that maps can be
# compared. The classifier's logit is the mean of its map, so a parasite's few places stand far
# above it; the novelty network's is the mean of its highest places alone.
_FULL_HEAT_LOGITS = 40.0
_FULL_NOVELTY_HEAT_LOGITS = 6.0


@dataclass(frozen=True)
class _Mark:
    """How a kind of cell is boxed: later in the order is drawn over earlier."""

    order: int
    colour: tuple[int, int, int]
    width_px: int
    text: str = ""


def annotate_field(image: U8Array, cells: Sequence[Mapping[str, Any]]) -> U8Array:
    """A copy of the field with a box round each cell, and a word where it is no healthy one.

    Thick boxes are for a person to look at: cells called infected, with their score; cells on
    which the two networks differ, with which of them (1st the classifier, 2nd the novelty network)
    suspects the cell and its score; refused objects that look infected.

    Args:
        image: (H,W,3) uint8 RGB.
        cells: as `screen --json` writes them.
    """
    out = image.copy()
    marked = [(_mark(cell), cell) for cell in cells]
    for mark, cell in sorted(marked, key=lambda pair: pair[0].order):
        left, top = cell["left_px"], cell["top_px"]
        corner = (left + cell["width_px"] - 1, top + cell["height_px"] - 1)
        cv2.rectangle(out, (left, top), corner, mark.colour, mark.width_px)
        if mark.text:
            _write(out, mark.text, (left, max(top - 5, 12)), mark.colour)
    return out


def _mark(cell: Mapping[str, Any]) -> _Mark:
    infected = is_infected(cell["label"])
    if cell["refused"]:
        score = f" {cell['score']:.2f}" if infected else ""
        return _Mark(2, (112, 48, 160), 3 if infected else 1, f"refused{score}")
    if cell["disagrees"]:
        found = f"1st {cell['score']:.2f}" if infected else f"2nd {cell['novelty']:.2f}"
        return _Mark(3, (205, 105, 0), 3, found)
    if infected:
        return _Mark(4, (214, 32, 32), 3, f"{cell['score']:.2f}")
    if cell["label"] in NON_RBC:
        return _Mark(1, (40, 90, 200), 1, cell["label"])
    return _Mark(0, (60, 150, 110), 1)


def _write(image: U8Array, text: str, at: tuple[int, int], colour: tuple[int, int, int]) -> None:
    for ink, width in (((255, 255, 255), 4), (colour, 1)):
        cv2.putText(image, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.5, ink, width, cv2.LINE_AA)


def cell_view(
    image: U8Array,
    left_px: int,
    top_px: int,
    width_px: int,
    height_px: int,
    margin_fraction: float = 0.25,
) -> U8Array:
    """A cell with some context, (VIEW_PX, VIEW_PX, 3) uint8 RGB; beyond the field it is grey."""
    view = cell_square(image, left_px, top_px, width_px, height_px, margin_fraction)
    return np.asarray(cv2.resize(view, (VIEW_PX, VIEW_PX), interpolation=cv2.INTER_CUBIC), np.uint8)


def cell_square(
    image: U8Array,
    left_px: int,
    top_px: int,
    width_px: int,
    height_px: int,
    margin_fraction: float = 0.25,
) -> U8Array:
    """The same in the field's own pixels, (S,S,3) uint8 RGB."""
    side = max(width_px, height_px)
    margin = round(side * margin_fraction)
    left = left_px - (side - width_px) // 2 - margin
    top = top_px - (side - height_px) // 2 - margin
    full = side + 2 * margin
    view = np.full((full, full, 3), _BEYOND_FIELD, np.uint8)
    seen = image[max(top, 0) : top + full, max(left, 0) : left + full]
    row, column = max(-top, 0), max(-left, 0)
    view[row : row + seen.shape[0], column : column + seen.shape[1]] = seen
    return view


def heat_view(
    image: U8Array,
    left_px: int,
    top_px: int,
    width_px: int,
    height_px: int,
    cam: F32Array,
    margin_fraction: float = 0.25,
    *,
    of_novelty: bool = False,
) -> U8Array:
    """The same view with the class activation laid over: the warmer, the more it speaks for
    infection.

    Args:
        cam: (h,w) float32 in logit units, over the square that holds the cell's box.
        of_novelty: the map is the novelty network's, so warm is what healthy cells have not.
    """
    view = cell_view(image, left_px, top_px, width_px, height_px, margin_fraction)
    inner = round(VIEW_PX / (1 + 2 * margin_fraction))
    start = (VIEW_PX - inner) // 2
    heat = np.zeros((VIEW_PX, VIEW_PX), np.float32)
    full = _FULL_NOVELTY_HEAT_LOGITS if of_novelty else _FULL_HEAT_LOGITS
    scaled = np.clip(cam / full, 0, 1).astype(np.float32)
    heat[start : start + inner, start : start + inner] = cv2.resize(
        scaled, (inner, inner), interpolation=cv2.INTER_CUBIC
    )
    heat = np.clip(heat, 0, 1)
    bgr = cv2.applyColorMap((heat * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    colour = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
    # Faint evidence is left out, or the dark end of the palette would look like a stain.
    weight = (0.6 * np.clip((heat - 0.15) / 0.5, 0, 1))[:, :, None]
    return np.asarray(view * (1 - weight) + colour * weight + 0.5, np.uint8)
