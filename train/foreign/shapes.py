"""Outlines, blobs, clouds and colours that the drawn foreign pictures are made of."""

from __future__ import annotations

import cv2
import numpy as np

from edge.contract.types import BoolArray, F32Array, U8Array

Rng = np.random.Generator
Colour = tuple[float, float, float]

# Of prepared cells of four data sets: green is at most 1.24 of the stronger of red and blue, blue
# is .63 to 1.56 of red, the brightest channel is 85 or more; with a margin for the augmentation.
_MOST_GREEN = 1.35
_BLUE_OVER_RED = (0.42, 2.2)
_LEAST_LIGHT = 65.0
# Spread of lightness within a cut-out; of healthy cells 99.5 % have less.
_MOTTLED = 30.0
_MUCH = 0.3
# Fixed-point digits of OpenCV's anti-aliased drawing.
_SHIFT = 3


def no_stain(colours: F32Array) -> BoolArray:
    """Which colours no stained cell has, (...,3) RGB 0 to 255; grey and pale are a cell's too."""
    red, green, blue = np.moveaxis(np.asarray(colours, np.float32) + 1, -1, 0)
    stronger = np.maximum(red, blue)
    low, high = _BLUE_OVER_RED
    return np.asarray(
        (np.maximum(stronger, green) < _LEAST_LIGHT)
        | (green > _MOST_GREEN * stronger)
        | (blue < low * red)
        | (blue > high * red)
    )


def any_colour(rng: Rng) -> F32Array:
    """(3,) RGB 0 to 255; a quarter are grey."""
    if rng.random() < 0.25:
        return np.full(3, rng.uniform(0, 255), np.float32)
    return rng.uniform(0, 255, 3).astype(np.float32)


def unstained_colour(rng: Rng) -> F32Array:
    """(3,) RGB 0 to 255 that no stained cell has; about one in three colours is such."""
    colour = any_colour(rng)
    while not no_stain(colour):
        colour = rng.uniform(0, 255, 3).astype(np.float32)
    return colour


def glass_colour(rng: Rng, least: float = 170.0) -> F32Array:
    """(3,) RGB of bright field with a slight tint."""
    light = rng.uniform(least, 252)
    return np.clip(light + rng.normal(0, 5, 3), 0, 255).astype(np.float32)


def outline(
    centre: Colour | tuple[float, float], radius_px: float, rng: Rng, rough: float, stretch: float
) -> np.ndarray:
    """A closed line round `centre`, (48,2) int32 in eighths of a px, see `fill`."""
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    radius = np.ones(48)
    for order in range(2, 7):
        radius += rough / order * rng.normal() * np.cos(order * angle + rng.uniform(0, 2 * np.pi))
    radius = radius_px * np.clip(radius, 0.3, 1.8)
    x, y = radius * np.cos(angle) * stretch, radius * np.sin(angle) / stretch
    turn = rng.uniform(0, np.pi)
    points = np.stack([x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)], 1)
    return np.round((points + np.asarray(centre[:2])) * 2**_SHIFT).astype(np.int32)


def fill(canvas: np.ndarray, line: np.ndarray, colour: Colour | F32Array | float) -> None:
    """Fills a line of `outline` in place, anti-aliased."""
    value = colour if isinstance(colour, float) else tuple(float(part) for part in colour)
    cv2.fillPoly(canvas, [line], value, cv2.LINE_AA, _SHIFT)


def blob(
    size_px: int,
    centre: tuple[float, float],
    radius_px: float,
    rng: Rng,
    *,
    rough: float = 0.2,
    soft_px: float = 1.0,
) -> F32Array:
    """How much of each pixel an irregular body covers, (S,S) float32 0 to 1."""
    mask = np.zeros((size_px, size_px), np.uint8)
    fill(mask, outline(centre, radius_px, rng, rough, float(np.exp(rng.normal(0, 0.15)))), 255.0)
    cover = mask.astype(np.float32) / 255
    return np.asarray(cv2.GaussianBlur(cover, (0, 0), soft_px), np.float32)


def cell_outline(size_px: int, rng: Rng) -> BoolArray:
    """Where a cell of about the picture's size would lie, (S,S) bool."""
    mask = np.zeros((size_px, size_px), np.uint8)
    radius = size_px * rng.uniform(0.36, 0.5)
    stretch = float(np.exp(rng.normal(0, 0.1)))
    fill(
        mask, outline((size_px / 2, size_px / 2), radius, rng, rng.uniform(0, 0.3), stretch), 255.0
    )
    return np.asarray(mask > 127)


def cut_out(image: U8Array, rng: Rng) -> U8Array:
    """The picture inside the outline of a cell, black outside."""
    return np.asarray(image * cell_outline(image.shape[0], rng)[:, :, None], np.uint8)


def unlike_a_cell(cut: U8Array) -> bool:
    """Whether a cut-out is seen to be none: mottled, or a good part of it of no stain's colour."""
    # Every fourth px tells as much as all.
    some = cut[::4, ::4].reshape(-1, 3).astype(np.float32)
    inside = some[some.max(axis=1) > 0]
    if len(inside) == 0:
        return False
    mottled = float(inside.mean(axis=1).std()) > _MOTTLED
    return mottled or float(no_stain(inside).mean()) > _MUCH


def cloud_map(size_px: int, rng: Rng, channels: int, *, fall: float | None = None) -> F32Array:
    """Noise of many scales, (S,S,channels) float32 of mean 0 and spread 1 per channel.

    Each finer octave has `fall` times the strength of the last, .25 to 1 where it is not given;
    natural images have about .5.
    """
    fall = rng.uniform(0.25, 1.0) if fall is None else fall
    total = np.zeros((size_px, size_px, channels), np.float32)
    cells, strength = 2, 1.0
    while cells <= size_px:
        coarse = rng.standard_normal((cells, cells, channels), np.float32)
        fine = cv2.resize(coarse, (size_px, size_px), interpolation=cv2.INTER_CUBIC)
        total += strength * fine.reshape(total.shape)
        cells, strength = cells * 2, strength * fall
    total -= total.mean(axis=(0, 1))
    return total / (total.std(axis=(0, 1)) + 1e-6)


def to_picture(values: F32Array) -> U8Array:
    """Rounded and clipped to (S,S,3) uint8; one channel becomes grey."""
    picture = np.clip(values + 0.5, 0, 255).astype(np.uint8)
    return np.broadcast_to(picture, (*picture.shape[:2], 3)).copy()
