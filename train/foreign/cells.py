"""Healthy cells spoilt until they are none: cut, crowded, blurred, inverted, of no stain's colour.

Each drawing takes the side in px, the randomness and (N,S,S,3) uint8 healthy prepared cells, and
gives (S,S,3) uint8 RGB.
"""

from __future__ import annotations

import cv2
import numpy as np

from edge.contract.errors import DataError
from edge.contract.types import BoolArray, F32Array, U8Array
from train.foreign.shapes import Rng, cut_out, glass_colour, no_stain, to_picture, unstained_colour

# Interpolation blends the cell's rim with the black outside; darker than this is outside.
EDGE_LEVEL = 24
# Of a cell that is cut: what is left of it. Half a cell at a frame's edge is still a cell.
_LEFT = (0.15, 0.42)


def inverted(size_px: int, rng: Rng, cells: U8Array) -> U8Array:
    """Light for dark: the cell alone on black, or with its surroundings.

    A mid-grey cell is as grey inverted; in its place comes one of no stain's colour.
    """
    image, inside = _one(size_px, rng, cells)
    turned = 255 - image
    if not no_stain(np.median(turned[inside], axis=0)):
        turned = _tinted(image, unstained_colour(rng))
    whole = 255 - np.where(inside[:, :, None], 255 - turned, _around(rng))
    return to_picture(whole) if rng.random() < 0.5 else turned * inside[:, :, None]


def _around(rng: Rng) -> F32Array:
    """What lies round a cell: black as prepared, or glass."""
    return np.zeros(3, np.float32) if rng.random() < 0.5 else glass_colour(rng)


def hue_turned(size_px: int, rng: Rng, cells: U8Array) -> U8Array:
    """A green, yellow, cyan, orange or otherwise never stained cell, on black or on glass."""
    image, inside = _one(size_px, rng, cells)
    tinted = _tinted(image, unstained_colour(rng))
    return to_picture(np.where(inside[:, :, None], tinted, _around(rng)).astype(np.float32))


def _tinted(image: U8Array, colour: F32Array) -> U8Array:
    """The cell's light and shade in one colour, which its middle tone takes."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    middle = max(float(np.median(grey[grey > EDGE_LEVEL])), 1.0) if (grey > EDGE_LEVEL).any() else 1
    return to_picture((grey / middle)[:, :, None] * np.maximum(colour, 4))


def blurred(size_px: int, rng: Rng, cells: U8Array) -> U8Array:
    """A cell far out of focus on black or on glass; a Gaussian of 10 to 20 % of the side.

    Never cut out: what is left of a blurred cell within an outline is a smooth cell.
    """
    image, inside = _one(size_px, rng, cells)
    glass = np.zeros(3) if rng.random() < 0.5 else glass_colour(rng, 0.9 * float(image.max()))
    lit = np.where(inside[:, :, None], image, glass).astype(np.float32)
    # So strong a blur leaves nothing that a quarter of the size does not show.
    small = cv2.resize(lit, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    wide = small.shape[0] // 2
    around = tuple(map(float, glass))
    framed = cv2.copyMakeBorder(small, *[wide] * 4, cv2.BORDER_CONSTANT, value=around)
    soft = cv2.GaussianBlur(framed, (0, 0), rng.uniform(0.1, 0.2) * size_px / 4)[
        wide:-wide, wide:-wide
    ]
    return to_picture(cv2.resize(soft, (size_px, size_px), interpolation=cv2.INTER_CUBIC))


def part(size_px: int, rng: Rng, cells: U8Array) -> U8Array:
    """A piece of a cell: cut by a straight line, a strip, or its inside filling the frame."""
    image, inside = _one(size_px, rng, cells)
    if rng.random() < 0.25:
        return _inside_only(image, inside, rng)
    kept = image * _piece(inside, rng)[:, :, None]
    return _enlarged(kept, rng) if rng.random() < 0.6 else kept


def _piece(inside: BoolArray, rng: Rng) -> BoolArray:
    """Part of the cell on one side of a line, or between two."""
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[: inside.shape[0], : inside.shape[1]]
    way = x * np.cos(angle) + y * np.sin(angle)
    left = rng.uniform(*_LEFT)
    low = 0.0 if rng.random() < 0.7 else rng.uniform(0.2, 0.8 - left)
    first, last = np.quantile(way[inside], [low, low + left])
    return np.asarray(inside & (way >= first) & (way <= last))


def _inside_only(image: U8Array, inside: BoolArray, rng: Rng) -> U8Array:
    """A square from within the cell: no edge is to be seen."""
    rows, columns = np.nonzero(inside)
    half = max(3, int(np.sqrt(len(rows)) * rng.uniform(0.16, 0.3)))
    top, left = (max(0, int(middle.mean()) - half) for middle in (rows, columns))
    square = image[top : top + 2 * half, left : left + 2 * half]
    return np.asarray(cv2.resize(square, image.shape[:2], interpolation=cv2.INTER_LINEAR))


def _enlarged(image: U8Array, rng: Rng) -> U8Array:
    """What is not black, scaled towards the full frame, as a device scales what it cut out."""
    size = image.shape[0]
    left, top, width, height = cv2.boundingRect(image.max(axis=2))
    scale = size / max(width, height) * rng.uniform(0.8, 1.0)
    shift = [size / 2 - scale * (left + width / 2), size / 2 - scale * (top + height / 2)]
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]], np.float32)
    return np.asarray(cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR), np.uint8)


def crowd(size_px: int, rng: Rng, cells: U8Array) -> U8Array:
    """Many small cells with glass between: a piece of a field that nobody cut into cells."""
    count = int(rng.integers(2, 5))
    glass = glass_colour(rng)
    canvas = np.ones((size_px, size_px, 3), np.float32) * glass
    picked = cells[rng.integers(len(cells), size=min(count**2, 6))]
    offset = rng.uniform(-0.3, 0.3, 2) / count
    for place in range(count**2):
        # Four cells leave no gap, lest hardly more than one is seen.
        if count > 2 and rng.random() < 0.15:
            continue
        spot = np.array(divmod(place, count)) / count + offset + rng.normal(0, 0.02, 2)
        side = size_px / count * rng.uniform(0.85, 1.15)
        _set_in(canvas, picked[place % len(picked)], spot * size_px, side)
    image = to_picture(cv2.GaussianBlur(canvas, (0, 0), 0.6))
    return cut_out(image, rng) if rng.random() < 0.5 else image


def _set_in(canvas: F32Array, cell: U8Array, corner: np.ndarray, side_px: float) -> None:
    """Draws a cell scaled to `side_px` with its top left at `corner` (row, column)."""
    side = round(side_px)
    small = cv2.resize(cell, (side, side), interpolation=cv2.INTER_AREA)
    top, left = (round(float(value)) for value in corner)
    size = canvas.shape[0]
    rows = slice(max(top, 0), min(top + side, size))
    columns = slice(max(left, 0), min(left + side, size))
    shown = small[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    inside = _inside(shown)
    canvas[rows, columns][inside] = shown[inside]


def exposure(size_px: int, rng: Rng, cells: U8Array) -> U8Array:
    """So much light that all is white, or so little that all is black."""
    image, inside = _one(size_px, rng, cells)
    lit = np.where(inside[:, :, None], image, _around(rng)).astype(np.float32)
    if rng.random() < 0.5:
        return to_picture(lit * rng.uniform(0.0, 0.25) + rng.uniform(0, 12))
    faintest = np.percentile(image[inside].min(axis=1), 10)
    return to_picture(lit * (250 / max(float(faintest), 1) * rng.uniform(1.0, 2.0)))


def _one(size_px: int, rng: Rng, cells: U8Array) -> tuple[U8Array, BoolArray]:
    """A cell drawn by lot at the given side, and where it is not black."""
    image = cells[int(rng.integers(len(cells)))]
    if image.shape[0] != size_px:
        image = np.asarray(cv2.resize(image, (size_px, size_px), interpolation=cv2.INTER_AREA))
    inside = _inside(image)
    if not inside.any():
        raise DataError(
            "a prepared cell is all black; foreign pictures are made from healthy cells"
        )
    return image, inside


def _inside(image: U8Array) -> BoolArray:
    """(H,W), True on the cell but for its rim, which resizing has blended with black."""
    bright = np.asarray(image.max(axis=2) > EDGE_LEVEL, np.uint8)
    return np.asarray(cv2.erode(bright, np.ones((3, 3), np.uint8)) > 0)
