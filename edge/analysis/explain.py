"""Evidence as pictures: annotated fields, cells in their context, class activation over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from edge.contract.labels import NON_RBC, is_infected
from edge.contract.types import F32Array, U8Array

VIEW_PX = 160
_INFECTED_RGB, _HEALTHY_RGB, _OTHER_RGB = (214, 32, 32), (60, 150, 110), (40, 90, 200)
_BEYOND_FIELD = 128
# A logit contribution of this size saturates the heat map; fixed, so that maps can be compared.
_FULL_HEAT_LOGITS = 40.0


def annotate_field(image: U8Array, cells: Sequence[Mapping[str, Any]]) -> U8Array:
    """A copy of the field with a box round each cell; infected ones thick, with their score.

    Args:
        image: (H,W,3) uint8 RGB.
        cells: as `screen --json` writes them.
    """
    out = image.copy()
    for cell in sorted(cells, key=lambda cell: is_infected(cell["label"])):
        left, top = cell["left_px"], cell["top_px"]
        corner = (left + cell["width_px"] - 1, top + cell["height_px"] - 1)
        infected = is_infected(cell["label"])
        other = cell["label"] in NON_RBC
        colour = _INFECTED_RGB if infected else _OTHER_RGB if other else _HEALTHY_RGB
        cv2.rectangle(out, (left, top), corner, colour, 3 if infected else 1)
        if infected or other:
            text = f"{cell['score']:.2f}" if infected else cell["label"]
            _write(out, text, (left, max(top - 5, 12)), colour)
    return out


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
    side = max(width_px, height_px)
    margin = round(side * margin_fraction)
    left = left_px - (side - width_px) // 2 - margin
    top = top_px - (side - height_px) // 2 - margin
    full = side + 2 * margin
    view = np.full((full, full, 3), _BEYOND_FIELD, np.uint8)
    seen = image[max(top, 0) : top + full, max(left, 0) : left + full]
    row, column = max(-top, 0), max(-left, 0)
    view[row : row + seen.shape[0], column : column + seen.shape[1]] = seen
    return np.asarray(cv2.resize(view, (VIEW_PX, VIEW_PX), interpolation=cv2.INTER_CUBIC), np.uint8)


def heat_view(
    image: U8Array,
    left_px: int,
    top_px: int,
    width_px: int,
    height_px: int,
    cam: F32Array,
    margin_fraction: float = 0.25,
) -> U8Array:
    """The same view with the class activation laid over: the warmer, the more it speaks for
    infection.

    Args:
        cam: (h,w) float32 in logit units, over the square that holds the cell's box.
    """
    view = cell_view(image, left_px, top_px, width_px, height_px, margin_fraction)
    inner = round(VIEW_PX / (1 + 2 * margin_fraction))
    start = (VIEW_PX - inner) // 2
    heat = np.zeros((VIEW_PX, VIEW_PX), np.float32)
    scaled = np.clip(cam / _FULL_HEAT_LOGITS, 0, 1).astype(np.float32)
    heat[start : start + inner, start : start + inner] = cv2.resize(
        scaled, (inner, inner), interpolation=cv2.INTER_CUBIC
    )
    heat = np.clip(heat, 0, 1)
    bgr = cv2.applyColorMap((heat * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    colour = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
    # Faint evidence is left out, or the dark end of the palette would look like a stain.
    weight = (0.6 * np.clip((heat - 0.15) / 0.5, 0, 1))[:, :, None]
    return np.asarray(view * (1 - weight) + colour * weight + 0.5, np.uint8)
