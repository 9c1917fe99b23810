"""What lies on a smear beside red cells: white cells, platelets, dye, and bare glass.

As drawn here each is larger in its crop than on a slide, since a device scales whatever it cut out
to the same side. They stand on glass, or are cut out on black along their own outline or a wider.
"""

from __future__ import annotations

import cv2
import numpy as np

from edge.contract.types import BoolArray, F32Array, U8Array
from train.foreign.shapes import (
    Rng,
    blob,
    cell_outline,
    cloud_map,
    glass_colour,
    to_picture,
)


def glass(size_px: int, rng: Rng) -> U8Array:
    """Bright field with specks of dust; cut out only where it is brighter than the palest cell."""
    cut = rng.random() < 0.5
    image = np.ones((size_px, size_px, 3), np.float32) * glass_colour(rng, 236 if cut else 150)
    image += rng.uniform(0, 4) * cloud_map(size_px, rng, 1)
    for _ in range(int(rng.integers(0, 7))):
        x, y = rng.uniform(0, size_px, 2)
        speck = blob(size_px, (x, y), rng.uniform(0.8, 4), rng, soft_px=rng.uniform(0.5, 2.5))
        image *= 1 - speck[:, :, None] * rng.uniform(0.1, 0.8)
    if cut:
        image *= cell_outline(size_px, rng)[:, :, None]
    return to_picture(image)


def white_cell(size_px: int, rng: Rng) -> U8Array:
    """A dark lobed nucleus over a third to four fifths of a pale cell."""
    middle = (size_px / 2, size_px / 2)
    radius = size_px * rng.uniform(0.36, 0.47)
    body = blob(size_px, middle, radius, rng, rough=0.12, soft_px=rng.uniform(0.6, 2))
    inside = body > 0.5
    nucleus = _nucleus(size_px, radius, rng) * inside
    while nucleus[inside].mean() < 0.34:
        nucleus = np.maximum(nucleus, _nucleus(size_px, radius, rng) * inside)
    grain = 1 + rng.uniform(0.04, 0.2) * cloud_map(size_px, rng, 1, fall=0.9)
    cytoplasm = body[:, :, None] * _density(rng, (0.05, 0.3), _CYTOPLASMS) * grain
    chromatin = nucleus[:, :, None] * _density(rng, (0.7, 1.5), _NUCLEI) * grain
    soft = cv2.GaussianBlur((cytoplasm + chromatin).astype(np.float32), (0, 0), rng.uniform(0.2, 2))
    return _lit(soft, inside, rng)


# Share of a dye's density in red, green and blue light.
_NUCLEI = ((0.6, 1.0, 0.25), (0.85, 1.0, 0.4))
_CYTOPLASMS = ((0.1, 0.7, 0.1), (1.0, 1.0, 0.9))
_PLATELETS = ((0.6, 1.0, 0.1), (0.8, 1.0, 0.35))
_DYES = ((0.3, 0.6, 0.2), (1.0, 1.0, 1.0))


def _nucleus(size_px: int, radius_px: float, rng: Rng) -> F32Array:
    """One round nucleus or two to five lobes, (S,S) float32 0 to 1."""
    lobes = int(rng.integers(1, 6))
    size = radius_px * (rng.uniform(0.62, 0.9) if lobes == 1 else rng.uniform(0.32, 0.5))
    reach = radius_px * (0.1 if lobes == 1 else 0.45)
    turn = rng.uniform(0, 2 * np.pi)
    cover = np.zeros((size_px, size_px), np.float32)
    for lobe in range(lobes):
        angle = turn + lobe * rng.uniform(0.9, 1.3)
        centre = (size_px / 2 + reach * np.cos(angle), size_px / 2 + reach * np.sin(angle))
        cover = np.maximum(cover, blob(size_px, centre, size, rng, rough=0.2, soft_px=1.2))
    return cover


def platelet(size_px: int, rng: Rng) -> U8Array:
    """One ragged violet granular clump or a few, alone on glass and rather soft."""
    cover = np.zeros((size_px, size_px), np.float32)
    for _ in range(1 if rng.random() < 0.7 else int(rng.integers(2, 5))):
        x, y = rng.normal(size_px / 2, size_px * 0.07, 2)
        radius, soft = size_px * rng.uniform(0.14, 0.4), rng.uniform(1.5, 9)
        lump = blob(size_px, (x, y), radius, rng, rough=0.45, soft_px=soft)
        cover = np.maximum(cover, lump)
    grains = np.clip(1 + rng.uniform(0.1, 0.6) * cloud_map(size_px, rng, 1, fall=0.9), 0.1, 3)
    density = cover[:, :, None] * grains * _density(rng, (0.25, 0.8), _PLATELETS)
    smeared = cv2.GaussianBlur(density.astype(np.float32), (0, 0), rng.uniform(0.8, 3))
    return _lit(smeared, cover > 0.4, rng)


def debris(size_px: int, rng: Rng) -> U8Array:
    """Clumps of dye or dirt, dark and ragged."""
    cover = np.zeros((size_px, size_px), np.float32)
    for _ in range(int(rng.integers(1, 6))):
        x, y = rng.normal(size_px / 2, size_px * 0.14, 2)
        radius, soft = size_px * rng.uniform(0.12, 0.36), rng.uniform(0.5, 3)
        lump = blob(size_px, (x, y), radius, rng, rough=0.8, soft_px=soft)
        cover = np.maximum(cover, lump)
    grain = np.clip(1 + rng.uniform(0.1, 0.4) * cloud_map(size_px, rng, 1), 0.2, 3)
    density = cover[:, :, None] * grain * _density(rng, (1.2, 3.0), _DYES)
    return _lit(density, cover > 0.3, rng)


def _density(
    rng: Rng, strength: tuple[float, float], shares: tuple[tuple[float, ...], tuple[float, ...]]
) -> F32Array:
    """(3,) optical density of a dye whose shares lie between the two given ones."""
    return (rng.uniform(*strength) * rng.uniform(*shares, 3)).astype(np.float32)


def _lit(density: F32Array, inside: BoolArray, rng: Rng) -> U8Array:
    """Light through the dye (Beer-Lambert): on glass, or cut out on black with or without glass."""
    image = glass_colour(rng, 190) * np.exp(-density) + rng.normal(0, 1.5, density.shape)
    lot = rng.random()
    if lot < 0.33:
        image *= inside[:, :, None]
    elif lot < 0.66:
        image *= cell_outline(density.shape[0], rng)[:, :, None]
    return to_picture(image.astype(np.float32))
