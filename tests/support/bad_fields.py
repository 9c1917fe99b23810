"""Draws what is no countable field: white cells alone, one clump, a thick smear, one cell, a label.

All from a seed, in the colours of the simulated slide of that seed.
"""

from __future__ import annotations

import cv2
import numpy as np

from edge.cameras.smear import SmearSettings, draw_cell, draw_field
from edge.cameras.smear_cells import draw_patch, outline_for
from edge.cameras.smear_stain import Stain, slide_stain
from edge.contract.labels import DEBRIS, PLATELET, UNINFECTED, WBC
from edge.contract.types import F32Array, U8Array

HEIGHT_PX, WIDTH_PX = 960, 1280
PX_PER_UM = 1 / SmearSettings().um_per_px
_MARGIN_PX = 70


def empty_field(seed: int, debris: int = 0) -> U8Array:
    """Glass, and a few specks of stain."""
    return _expose(_objects([DEBRIS] * debris, seed), seed)


def white_cells_alone(seed: int, count: int = 6, platelets: int = 4) -> U8Array:
    """White cells and platelets on glass, no red cell: the buffy coat, or lysed blood."""
    return _expose(_objects([WBC] * count + [PLATELET] * platelets, seed), seed)


def clump(seed: int, cells: int = 260, loose: int = 8, spread: float = 0.16) -> U8Array:
    """Red cells piled on one another in the middle, and a few loose ones about them."""
    rng = np.random.default_rng([seed, 1])
    middle = (WIDTH_PX / 2, HEIGHT_PX / 2)
    piled = rng.normal(middle, (spread * WIDTH_PX, spread * HEIGHT_PX), (cells, 2))
    density = _blank()
    for x_px, y_px in [*piled, *_places(loose, rng)]:
        _add(density, UNINFECTED, (float(x_px), float(y_px)), slide_stain(seed, 1.0), rng)
    return _expose(np.minimum(density, 1.4), seed)


def thick_smear(seed: int, white: int = 7, grain: float = 0.07) -> U8Array:
    """Lysed red cells: a stained, granular ground with nuclei and platelets, and no red disc."""
    rng = np.random.default_rng([seed, 2])
    density = _objects([WBC] * white + [PLATELET] * 25 + [DEBRIS] * 30, seed)
    stain = slide_stain(seed, 1.0)
    for size_px, share in ((3, 0.8), (9, 1.0), (40, 1.2)):
        noise = rng.standard_normal((HEIGHT_PX, WIDTH_PX), np.float32)
        noise = cv2.GaussianBlur(noise, (0, 0), size_px)
        ground = np.maximum(0.6 + noise / noise.std(), 0) * grain * share
        density += ground[:, :, None] * stain.pale_plasm / stain.pale_plasm.max()
    return _expose(density, seed)


def single_cell(seed: int, *, masked: bool, side_px: int = 600) -> U8Array:
    """One cell that fills the picture, on glass or on the black of a cut-out."""
    crop, mask = draw_cell(UNINFECTED, seed, 128)
    image = np.where(mask[:, :, None], crop, 0).astype(np.uint8) if masked else crop
    return np.asarray(cv2.resize(image, (side_px, side_px), interpolation=cv2.INTER_CUBIC))


def with_scale_bar(image: U8Array, text: str = "10 um", corner: str = "bottom right") -> U8Array:
    """A field with a bar and lettering burnt into a corner, as microscope software does it."""
    marked = image.copy()
    height_px, width_px = image.shape[:2]
    x = width_px - 150 if "right" in corner else 30
    y = height_px - 60 if "bottom" in corner else 60
    cv2.rectangle(marked, (x, y), (x + 110, y + 8), (0, 0, 0), cv2.FILLED)
    cv2.putText(marked, text, (x, y + 40), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (0, 0, 0), 2, cv2.LINE_AA)
    return np.asarray(marked, np.uint8)


def good_field(seed: int, index: int = 0) -> U8Array:
    """A field as it should be."""
    return draw_field(SmearSettings(), seed, index).image


def _objects(labels: list[str], seed: int) -> F32Array:
    rng = np.random.default_rng([seed, 0])
    density, stain = _blank(), slide_stain(seed, 1.0)
    for label, (x_px, y_px) in zip(labels, _places(len(labels), rng), strict=True):
        _add(density, label, (float(x_px), float(y_px)), stain, rng)
    return density


def _blank() -> F32Array:
    return np.zeros((HEIGHT_PX, WIDTH_PX, 3), np.float32)


def _places(count: int, rng: np.random.Generator) -> np.ndarray:
    inside = (WIDTH_PX - 2 * _MARGIN_PX, HEIGHT_PX - 2 * _MARGIN_PX)
    return _MARGIN_PX + rng.random((count, 2)) * inside


def _add(
    density: F32Array,
    label: str,
    place_px: tuple[float, float],
    stain: Stain,
    rng: np.random.Generator,
) -> None:
    outline = outline_for(label, stain, PX_PER_UM, rng)
    patch = draw_patch(label, outline, (*place_px, PX_PER_UM), stain, rng)
    height, width = patch.mask.shape
    top, left = max(patch.top_px, 0), max(patch.left_px, 0)
    bottom, right = min(patch.top_px + height, HEIGHT_PX), min(patch.left_px + width, WIDTH_PX)
    if top < bottom and left < right:
        rows = slice(top - patch.top_px, bottom - patch.top_px)
        columns = slice(left - patch.left_px, right - patch.left_px)
        density[top:bottom, left:right] += patch.density[rows, columns]


def _expose(density: F32Array, seed: int) -> U8Array:
    light = slide_stain(seed, 1.0).paper * np.exp(-density)
    light = cv2.GaussianBlur(light, (0, 0), 0.8)
    light += np.random.default_rng([seed, 3]).normal(0, 1.8, light.shape)
    return np.asarray(np.clip(light, 0, 255).astype(np.uint8))
