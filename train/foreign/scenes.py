"""Textures, plain colours and scenes: nothing of them is from a smear.

Each drawing takes the side in px and the randomness, and gives (S,S,3) uint8 RGB that fills the
frame.
"""

from __future__ import annotations

import cv2
import numpy as np

from edge.contract.types import F32Array, U8Array
from train.foreign.shapes import (
    Rng,
    any_colour,
    cloud_map,
    cut_out,
    fill,
    outline,
    to_picture,
    unstained_colour,
)


def flat(size_px: int, rng: Rng) -> U8Array:
    """One colour: any where it fills the frame, one of no stain where it is cut out as a cell."""
    whole = rng.random() < 0.5
    colour = any_colour(rng) if whole else unstained_colour(rng)
    image = np.full((size_px, size_px, 3), colour, np.float32)
    image += rng.normal(0, rng.uniform(0, 3), image.shape)
    return to_picture(image) if whole else cut_out(to_picture(image), rng)


def gradient(size_px: int, rng: Rng) -> U8Array:
    """From one colour to another in one direction or from the middle; one is of no stain."""
    y, x = np.mgrid[:size_px, :size_px].astype(np.float32) / size_px - 0.5
    angle = rng.uniform(0, 2 * np.pi)
    way = x * np.cos(angle) + y * np.sin(angle) + 0.5
    if rng.random() < 0.4:
        way = np.hypot(x, y) * rng.uniform(1.2, 2.0)
    share = np.clip(way, 0, 1)[:, :, None] ** rng.uniform(0.6, 1.6)
    return to_picture(any_colour(rng) * (1 - share) + unstained_colour(rng) * share)


def noise(size_px: int, rng: Rng) -> U8Array:
    """White noise, grey or in colour, of one to five px a grain."""
    grain = int(rng.integers(1, 6))
    side = -(-size_px // grain)
    channels = 1 if rng.random() < 0.5 else 3
    coarse = rng.standard_normal((side, side, channels), np.float32)
    fine = np.repeat(np.repeat(coarse, grain, 0), grain, 1)[:size_px, :size_px]
    return to_picture(_middle(rng) + rng.uniform(25, 110) * fine)


def cloud(size_px: int, rng: Rng) -> U8Array:
    """Clouds and bark: noise of all scales, grey, tinted or in colour."""
    channels = 3 if rng.random() < 0.4 else 1
    values = cloud_map(size_px, rng, channels)
    tint = np.ones(3, np.float32) if rng.random() < 0.5 else any_colour(rng) / 128
    return to_picture(_middle(rng) * tint + rng.uniform(35, 90) * values * tint)


def stripes(size_px: int, rng: Rng) -> U8Array:
    """Two to four colours in straight or wavy bands."""
    y, x = np.mgrid[:size_px, :size_px].astype(np.float32) / size_px
    angle = rng.uniform(0, np.pi)
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    waves = rng.uniform(0, 0.06) * np.sin(along * rng.uniform(5, 30))
    return _painted((across + waves) * rng.uniform(4, 26) + 50, rng)


def checks(size_px: int, rng: Rng) -> U8Array:
    """A chequered plane, seen straight or askew."""
    y, x = np.mgrid[:size_px, :size_px].astype(np.float32) / size_px
    angle, count = rng.uniform(0, np.pi / 2), rng.uniform(3, 14)
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    return _painted(np.floor(u * count) + np.floor(v * count * rng.uniform(0.5, 1.5)) + 50, rng)


def woven(size_px: int, rng: Rng) -> U8Array:
    """Threads over and under each other."""
    y, x = np.mgrid[:size_px, :size_px].astype(np.float32) / size_px
    angle, count = rng.uniform(0, np.pi), rng.uniform(4, 14)
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    over = (np.floor(u * count) + np.floor(v * count)) % 2 > 0.5
    warp, weft = np.sin(np.pi * ((u * count) % 1)), np.sin(np.pi * ((v * count) % 1))
    light = np.where(over, warp, weft)[:, :, None] ** rng.uniform(0.4, 1)
    colours = np.where(over[:, :, None], any_colour(rng), unstained_colour(rng))
    return to_picture((light + cloud_map(size_px, rng, 1) * 0.08) * (colours * 0.9 + 25))


def leaves(size_px: int, rng: Rng) -> U8Array:
    """Opaque shapes of many sizes over one another, as objects hide one another in photographs.

    Sizes fall off with their cube (dead leaves; Lee, Mumford, Huang, IJCV 2001;41:35).
    """
    canvas = np.full((size_px, size_px, 3), unstained_colour(rng), np.float32)
    grey = rng.random() < 0.3
    least, most = 0.06, 0.6
    for _ in range(28):
        share = least / np.sqrt(1 - rng.random() * (1 - (least / most) ** 2))
        centre = rng.uniform(0, size_px, 2)
        colour = np.full(3, rng.uniform(0, 255)) if grey else any_colour(rng)
        _leaf(canvas, (float(centre[0]), float(centre[1])), share * size_px, colour, rng)
    light = 1 + 0.25 * cloud_map(size_px, rng, 1) * rng.random()
    canvas = cv2.GaussianBlur(canvas, (0, 0), rng.uniform(0.4, 1.6))
    return to_picture(canvas * light)


def _leaf(
    canvas: F32Array, centre: tuple[float, float], radius_px: float, colour: F32Array, rng: Rng
) -> None:
    if rng.random() < 0.5:
        box = cv2.boxPoints((centre, rng.uniform(0.5, 2, 2) * radius_px, rng.uniform(0, 180)))
        cv2.fillPoly(canvas, [box.astype(np.int32)], tuple(map(float, colour)), cv2.LINE_AA)
    else:
        stretch = float(np.exp(rng.normal(0, 0.3)))
        fill(canvas, outline(centre, radius_px, rng, 0.3, stretch), colour)


def soft_shapes(size_px: int, rng: Rng) -> U8Array:
    """Soft light and dark bodies, grey as in X-rays and scans or in one tint, some mirrored."""
    light = np.full((size_px, size_px), rng.uniform(20, 160), np.float32)
    for _ in range(int(rng.integers(4, 12))):
        shape = np.zeros_like(light)
        x, y = rng.uniform(0, size_px, 2)
        radius = size_px * rng.uniform(0.06, 0.4)
        stretch = float(np.exp(rng.normal(0, 0.5)))
        fill(shape, outline((x, y), radius, rng, 0.3, stretch), 1.0)
        light += cv2.GaussianBlur(shape, (0, 0), rng.uniform(1, 5)) * rng.uniform(-110, 110)
    if rng.random() < 0.5:
        light = (light + light[:, ::-1]) * 0.5 + rng.normal(0, 6) * cloud_map(size_px, rng, 1)[
            ..., 0
        ]
    light = (light - light.min()) * (rng.uniform(140, 255) / max(np.ptp(light), 1))
    tint = np.ones(3) if rng.random() < 0.7 else 0.4 + 0.6 * any_colour(rng) / 255
    grain = rng.normal(0, rng.uniform(0, 8), (size_px, size_px))
    return to_picture(((light + grain)[:, :, None] * tint).astype(np.float32))


def strokes(size_px: int, rng: Rng) -> U8Array:
    """Lines and curves on paper or a board."""
    paper, ink = _paper_and_ink(rng)
    canvas = np.full((size_px, size_px, 3), paper, np.float32)
    for _ in range(int(rng.integers(5, 26))):
        steps = rng.normal(0, size_px * rng.uniform(0.05, 0.3), (int(rng.integers(2, 6)), 2))
        points = rng.uniform(0, size_px, 2) + np.cumsum(steps, axis=0)
        colour = ink if rng.random() < 0.8 else any_colour(rng)
        cv2.polylines(
            canvas,
            [np.round(points * 8).astype(np.int32)],
            False,
            tuple(map(float, colour)),
            int(rng.integers(1, 5)),
            cv2.LINE_AA,
            3,
        )
    return to_picture(canvas)


def _paper_and_ink(rng: Rng) -> tuple[F32Array, F32Array]:
    paper = np.full(3, rng.uniform(215, 255)) if rng.random() < 0.6 else any_colour(rng)
    ink = any_colour(rng)
    while np.abs(ink - paper).max() < 90:
        ink = rng.uniform(0, 255, 3)
    return paper.astype(np.float32), ink.astype(np.float32)


def _painted(bands: F32Array, rng: Rng) -> U8Array:
    """Whole numbers of `bands` to colours in turn, the first of no stain, the next far from it."""
    colours = np.stack([any_colour(rng) for _ in range(int(rng.integers(2, 5)))])
    colours[0] = unstained_colour(rng)
    while np.abs(colours[0] - colours[1]).max() < 80:
        colours[1] = any_colour(rng)
    image = colours[np.floor(bands).astype(int) % len(colours)]
    softened = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1.8))
    return to_picture(softened + rng.normal(0, rng.uniform(0, 10), image.shape).astype(np.float32))


def _middle(rng: Rng) -> float:
    return float(rng.uniform(60, 195))
