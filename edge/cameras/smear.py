"""Believable fields of a thin Giemsa smear from a seed, with the truth about every cell.

Pure: the same settings, seed and index give the same pixels. The seed is the slide and decides its
stain; the index is the field and decides light and crowding. Cells are drawn in optical density and
added, so that overlaps darken as they do in transmitted light.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import cv2
import numpy as np

from edge.cameras.smear_cells import KINDS, Patch, draw_patch, outline_for
from edge.cameras.smear_layout import lay_out, overlapped
from edge.cameras.smear_settings import RED_CELL_UM, SmearSettings
from edge.cameras.smear_stain import slide_stain
from edge.contract.errors import ConfigError
from edge.contract.labels import NON_RBC, is_infected
from edge.contract.types import BoolArray, F32Array, U8Array

__all__ = ["DrawnField", "SmearSettings", "TrueCell", "draw_cell", "draw_field"]

# Third word of the generator's seed for single cells, apart from all fields' draws.
_CELL_STREAM = 0x1C31
# A sliver of a cell at the border, thinner than this, shows nothing that could be found.
_LEAST_PX = 2


@dataclass(frozen=True)
class TrueCell:
    """One object that was drawn: its tight box in px of the frame, and what it is.

    Attributes:
        left_px: first column of the box, inside the frame.
        top_px: first row of the box.
        width_px: columns of the box.
        height_px: rows of the box.
        label: uninfected, ring, trophozoite, schizont, gametocyte, wbc, platelet or debris.
        at_border: cut by the frame's edge, or against it.
        overlapped: another cell covers it in part.
    """

    left_px: int
    top_px: int
    width_px: int
    height_px: int
    label: str
    at_border: bool
    overlapped: bool = False


@dataclass(frozen=True, eq=False)
class DrawnField:
    """A field and the truth about it.

    Attributes:
        image: (H,W,3) uint8 RGB.
        cells: every object of which something shows.
    """

    image: U8Array
    cells: tuple[TrueCell, ...]

    @property
    def rbc_count(self) -> int:
        """Whole red cells: not cut by the border."""
        return sum(not cell.at_border and cell.label not in NON_RBC for cell in self.cells)

    @property
    def positive_count(self) -> int:
        """Whole parasitised red cells, of any stage."""
        return sum(not cell.at_border and is_infected(cell.label) for cell in self.cells)


def draw_field(settings: SmearSettings, seed: int, index: int) -> DrawnField:
    """Draws field `index` of slide `seed`.

    Args:
        settings: what slide and microscope are like.
        seed: the slide, 0 or more.
        index: the field, 0 or more.

    Raises:
        ConfigError: seed or index is negative or no whole number.
    """
    _check_natural(seed=seed, index=index)
    rng = np.random.default_rng([seed, index])
    stain = slide_stain(seed, settings.stain_cast)
    placed = lay_out(settings, stain, rng)
    density = np.zeros((settings.height_px, settings.width_px, 3), np.float32)
    cells = []
    for item, covered in zip(placed, overlapped(placed), strict=True):
        place = (item.x_px, item.y_px, 1 / settings.um_per_px)
        patch = draw_patch(item.label, item.outline, place, stain, rng)
        _add_patch(density, patch)
        cell = _true_cell(patch, item.label, bool(covered), settings)
        if cell is not None:
            cells.append(cell)
    light = stain.paper * _illumination(settings, rng)
    return DrawnField(_expose(density, light, settings, rng), tuple(cells))


def draw_cell(
    kind: str, seed: int, size_px: int = 64, settings: SmearSettings | None = None
) -> tuple[U8Array, BoolArray]:
    """Draws one object on clear glass and cuts it out along its tight box.

    Args:
        kind: uninfected, ring, trophozoite, schizont, gametocyte, wbc, platelet or debris.
        seed: decides stain and shape, 0 or more.
        size_px: width of a red cell of 7.5 um, 16 to 512; other kinds are drawn to the same scale.
        settings: stain cast, blur and noise; its sizes and counts are not used.

    Returns:
        (h,w,3) uint8 RGB crop with its background, and its (h,w) bool mask. Times the mask it is
        black outside the cell, as `preprocess.prepare_crop` wants it.

    Raises:
        ConfigError: an unknown kind, or a value out of range.
    """
    if kind not in KINDS:
        raise ConfigError(f"kind is {kind!r}; known: {', '.join(KINDS)}")
    if not 16 <= size_px <= 512:
        raise ConfigError(f"size_px is {size_px!r}; give 16 to 512")
    _check_natural(seed=seed)
    settings = settings or SmearSettings()
    rng = np.random.default_rng([seed, KINDS.index(kind), _CELL_STREAM])
    stain = slide_stain(seed, settings.stain_cast)
    px_per_um = size_px / RED_CELL_UM
    outline = outline_for(kind, stain, px_per_um, rng)
    patch = draw_patch(kind, outline, (0, 0, px_per_um), stain, rng)
    image = _expose(patch.density, stain.paper, settings, rng)
    rows, columns = _tight(patch.mask)
    return image[rows, columns].copy(), patch.mask[rows, columns].copy()


def _check_natural(**numbers: int) -> None:
    for name, value in numbers.items():
        if not isinstance(value, int) or value < 0:
            raise ConfigError(f"{name} is {value!r}; give a whole number, 0 or more")


def _add_patch(density: F32Array, patch: Patch) -> None:
    height, width = density.shape[:2]
    top, left = max(patch.top_px, 0), max(patch.left_px, 0)
    bottom = min(patch.top_px + patch.mask.shape[0], height)
    right = min(patch.left_px + patch.mask.shape[1], width)
    if top < bottom and left < right:
        rows = slice(top - patch.top_px, bottom - patch.top_px)
        columns = slice(left - patch.left_px, right - patch.left_px)
        density[top:bottom, left:right] += patch.density[rows, columns]


def _tight(mask: BoolArray) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _true_cell(patch: Patch, label: str, covered: bool, settings: SmearSettings) -> TrueCell | None:
    """The truth about a patch, clipped to the frame; None where too little of it shows."""
    # A speck may fall between the pixels of a coarse sensor.
    if not patch.mask.any():
        return None
    rows, columns = _tight(patch.mask)
    top, bottom = rows.start + patch.top_px, rows.stop + patch.top_px
    left, right = columns.start + patch.left_px, columns.stop + patch.left_px
    height, width = settings.height_px, settings.width_px
    at_border = top <= 0 or left <= 0 or bottom >= height or right >= width
    top, left = max(top, 0), max(left, 0)
    bottom, right = min(bottom, height), min(right, width)
    if min(bottom - top, right - left) < _LEAST_PX:
        return None
    return TrueCell(left, top, right - left, bottom - top, label, at_border, covered)


def _illumination(settings: SmearSettings, rng: np.random.Generator) -> F32Array:
    """(H,W,1) float32 about 1: lamp drift, a lamp a little off axis, darker corners, dust haze."""
    height, width = settings.height_px, settings.width_px
    off_x, off_y = rng.normal(0, 0.12, 2)
    x = np.linspace(-1, 1, width, dtype=np.float32) - np.float32(off_x)
    y = np.linspace(-1, 1, height, dtype=np.float32) - np.float32(off_y)
    fall = np.float32(settings.vignetting_fraction / 2) * (x[None, :] ** 2 + y[:, None] ** 2)
    haze = cv2.resize(rng.normal(0, 0.006, (5, 6)).astype(np.float32), (width, height))
    level = np.float32(np.clip(rng.normal(0.98, 0.02), 0.9, 1.03))
    return np.asarray(level * (1 - fall) + haze, np.float32)[:, :, None]


def _expose(
    density: F32Array, light: F32Array, settings: SmearSettings, rng: np.random.Generator
) -> U8Array:
    """Density to what a sensor reads: light, lens blur, noise, 8 bits."""
    image = np.asarray(cv2.exp(-density), np.float32)
    image *= light
    sigma = settings.defocus_px * float(np.exp(rng.normal(0, 0.15)))
    if sigma > 0.15:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.float32)
    image += _noise(image.shape, settings.noise, rng)
    return np.asarray(np.clip(image, 0, 255, out=image).astype(np.uint8))


def _noise(shape: tuple[int, ...], sigma: float, rng: np.random.Generator) -> F32Array:
    """Gaussian noise by a table of 256 quantiles: a tenth of the time of exact draws.

    Half a grey level is added, so that the cast to integers rounds.
    """
    normal = NormalDist()
    quantiles = [normal.inv_cdf((step + 0.5) / 256) for step in range(256)]
    table = np.array(quantiles, np.float32) * np.float32(sigma) + np.float32(0.5)
    draws = np.frombuffer(rng.bytes(int(np.prod(shape))), np.uint8).reshape(shape)
    return np.asarray(cv2.LUT(draws, table), np.float32)
