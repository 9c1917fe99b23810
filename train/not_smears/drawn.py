"""Scenes and textures drawn by program: (height_px, width_px, rng) to (H,W,3) uint8 RGB."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import cv2
import numpy as np

from edge.contract.types import F32Array, U8Array
from train.not_smears.wanted import Wanted

Rng = np.random.Generator
Draw = Callable[[int, int, Rng], U8Array]
_WORDS = (
    "Patient", "slide", "MALARIA", "2024-05-17", "counted", "500 red cells", "Giemsa 10 %",
    "ward 3", "negative?", "0123456789", "laboratory", "x100 oil", "ml", "Total: 42.00",
)  # fmt: skip
_FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_SCRIPT_SIMPLEX,
)


def of(draw: Draw) -> Callable[[Wanted], Iterator[U8Array]]:
    """Pictures of a drawing, as a kind of `NOT_SMEARS`."""

    def kind(wanted: Wanted) -> Iterator[U8Array]:
        rng = wanted.rng()
        for _ in range(wanted.count):
            yield draw(wanted.height_px, wanted.width_px, rng)

    return kind


def text(height_px: int, width_px: int, rng: Rng) -> U8Array:
    """Words in lines on paper or a dark page, at times askew."""
    paper, ink = _ink_and_paper(rng)
    page = np.full((height_px, width_px, 3), paper, np.uint8)
    lines = int(rng.integers(2, 12))
    for line in range(lines):
        words = " ".join(str(word) for word in rng.choice(_WORDS, 6))
        spot = (int(rng.integers(-20, 20)), int((line + 0.8) * height_px / lines))
        font = _FONTS[int(rng.integers(len(_FONTS)))]
        size = height_px / lines / 40 * rng.uniform(0.7, 1.2)
        thick = max(1, round(size * rng.uniform(1, 3)))
        cv2.putText(page, words, spot, font, size, _tuple(ink), thick, cv2.LINE_AA)
    turn = cv2.getRotationMatrix2D((width_px / 2, height_px / 2), rng.uniform(-15, 15), 1.1)
    turned = cv2.warpAffine(page, turn, (width_px, height_px), borderValue=_tuple(paper))
    return np.asarray(turned, np.uint8)


def _ink_and_paper(rng: Rng) -> tuple[np.ndarray, np.ndarray]:
    light, dark = rng.integers(200, 256, 3), rng.integers(0, 110, 3)
    return (light, dark) if rng.random() < 0.75 else (dark, light)


def bricks(height_px: int, width_px: int, rng: Rng) -> U8Array:
    """A wall in bond, each brick of its own shade, with mortar."""
    mortar, brick = rng.integers(60, 220, 3), _earth(rng)
    wall = np.full((height_px, width_px, 3), mortar, np.float32)
    high = height_px / rng.uniform(4, 14)
    wide, joint = high * rng.uniform(1.8, 3), max(1, high * 0.1)
    for row in range(int(height_px / high) + 1):
        left = -wide * (0.5 if row % 2 else 0)
        while left < width_px:
            shade = brick * rng.uniform(0.7, 1.25)
            corner = (int(left + joint), int(row * high + joint))
            cv2.rectangle(
                wall, corner, (int(left + wide), int((row + 1) * high)), _tuple(shade), cv2.FILLED
            )
            left += wide
    return _rounded(wall + rng.normal(0, rng.uniform(2, 14), wall.shape))


def mosaic(height_px: int, width_px: int, rng: Rng) -> U8Array:
    """Voronoi cells of chance colours, with or without grout."""
    count = int(rng.integers(8, 60))
    seeds = rng.uniform(0, 1, (count, 2)) * (height_px, width_px)
    step = 2
    y, x = np.mgrid[:height_px:step, :width_px:step]
    distance = np.hypot(y[..., None] - seeds[:, 0], x[..., None] - seeds[:, 1])
    order = np.partition(distance, 1, axis=2)
    colours = rng.integers(0, 256, (count, 3))
    image = colours[distance.argmin(axis=2)].astype(np.float32)
    if rng.random() < 0.5:
        image[order[..., 1] - order[..., 0] < height_px * 0.02] = rng.integers(0, 256, 3)
    return _rounded(cv2.resize(image, (width_px, height_px), interpolation=cv2.INTER_LINEAR))


def wood(height_px: int, width_px: int, rng: Rng) -> U8Array:
    """Rings of a trunk or the grain of a board."""
    y, x = np.mgrid[:height_px, :width_px].astype(np.float32) / height_px
    middle = rng.uniform(-1, 1.5, 2)
    bent = 0.05 * np.sin(y * rng.uniform(3, 9)) + 0.03 * np.sin(x * rng.uniform(5, 20))
    far = np.hypot((x - middle[0]) * rng.uniform(0.15, 1), y - middle[1]) + bent
    rings = (far * rng.uniform(8, 40)) % 1
    light, dark = _earth(rng) * 1.3, _earth(rng) * 0.6
    image = light + (dark - light) * rings[..., None] ** rng.uniform(1, 4)
    grain = cv2.GaussianBlur(rng.normal(0, 40, (height_px, width_px)), (0, 0), 4, sigmaY=0.6)
    return _rounded(image + grain[..., None])


def landscape(height_px: int, width_px: int, rng: Rng) -> U8Array:
    """Sky, hills or a meadow, and houses, trees and a sun."""
    rows = np.linspace(0, 1, height_px)[:, None, None]
    sky = np.array([90, 150, 220]) * rng.uniform(0.7, 1.15) + rows * rng.uniform(0, 90)
    image = np.broadcast_to(sky, (height_px, width_px, 3)).astype(np.float32).copy()
    cv2.circle(image, _spot(height_px, width_px, rng, 0.3), height_px // 10, (250, 230, 90), -1)
    horizon = rng.uniform(0.4, 0.7)
    hill = horizon + 0.08 * np.sin(
        np.arange(width_px) / width_px * rng.uniform(3, 12) + rng.uniform(0, 6)
    )
    ground = np.arange(height_px)[:, None] / height_px > hill[None, :]
    image[ground] = np.array([70, 140, 60]) * rng.uniform(0.6, 1.3)
    for _ in range(int(rng.integers(1, 5))):
        _house(image, horizon, rng)
    for _ in range(int(rng.integers(1, 6))):
        _tree(image, horizon, rng)
    return _rounded(image + rng.normal(0, 6, image.shape))


def _house(image: F32Array, horizon: float, rng: Rng) -> None:
    height, width = image.shape[:2]
    side = int(height * rng.uniform(0.15, 0.35))
    left, foot = int(rng.integers(0, width)), int(height * (horizon + rng.uniform(0.05, 0.2)))
    wall, roof = rng.integers(90, 250, 3), rng.integers(40, 170, 3)
    cv2.rectangle(image, (left, foot - side), (left + side, foot), _tuple(wall), -1)
    top = [
        (left - 5, foot - side),
        (left + side + 5, foot - side),
        (left + side // 2, foot - 2 * side),
    ]
    cv2.fillPoly(image, [np.array(top)], _tuple(roof))
    door = (left + side // 3, foot - side // 2), (left + side // 2, foot)
    cv2.rectangle(image, *door, _tuple(roof * 0.5), -1)


def _tree(image: F32Array, horizon: float, rng: Rng) -> None:
    height, width = image.shape[:2]
    x, foot = int(rng.integers(0, width)), int(height * (horizon + rng.uniform(0.05, 0.3)))
    tall = int(height * rng.uniform(0.1, 0.3))
    cv2.line(image, (x, foot), (x, foot - tall), (90, 60, 40), max(1, tall // 10))
    leaves = np.array([40, 110, 40]) * rng.uniform(0.6, 1.5)
    cv2.circle(image, (x, foot - tall), max(1, tall // 2), _tuple(leaves), -1)


def screen(height_px: int, width_px: int, rng: Rng) -> U8Array:
    """A window of a program: bars, panels, buttons and lines of text."""
    dark = rng.random() < 0.3
    base, word = (rng.integers(20, 60, 3), 220) if dark else (rng.integers(225, 256, 3), 40)
    image = np.full((height_px, width_px, 3), base, np.uint8)
    accent = rng.integers(0, 256, 3)
    cv2.rectangle(image, (0, 0), (width_px, height_px // 10), _tuple(accent), -1)
    for _ in range(int(rng.integers(3, 10))):
        corner = _spot(height_px, width_px, rng, 0.8)
        end = (corner[0] + width_px // 3, corner[1] + height_px // 5)
        fill = accent if rng.random() < 0.3 else np.clip(base * rng.uniform(0.85, 1.1), 0, 255)
        cv2.rectangle(image, corner, end, _tuple(fill), -1)
        cv2.rectangle(image, corner, end, (128, 128, 128), 1)
        spot, size = (corner[0] + 3, corner[1] + height_px // 12), height_px / 400
        label = str(rng.choice(_WORDS))
        cv2.putText(image, label, spot, _FONTS[0], size, (word,) * 3, 1, cv2.LINE_AA)
    return image


def flat(height_px: int, width_px: int, rng: Rng) -> U8Array:
    """One colour of chance, every fourth grey, with a camera's noise."""
    colour = rng.uniform(0, 255, 3) if rng.random() < 0.75 else np.full(3, rng.uniform(0, 255))
    noise_level = rng.uniform(0, 4)
    return _rounded(colour + rng.normal(0, noise_level, (height_px, width_px, 3)))


def noise(height_px: int, width_px: int, rng: Rng) -> U8Array:
    """Uniform, salt and pepper, or with a spectrum that falls as 1/f; grey or in colour."""
    channels = 3 if rng.random() < 0.5 else 1
    shape, lot = (height_px, width_px, channels), rng.random()
    if lot < 0.33:
        image = rng.uniform(0, 255, shape)
    elif lot < 0.66:
        image = np.where(rng.random(shape) < rng.uniform(0.2, 0.8), 255.0, 0.0)
    else:
        row = np.fft.fftfreq(height_px)[:, None, None]
        column = np.fft.fftfreq(width_px)[None, :, None]
        pitch = np.maximum(np.hypot(row, column), 1 / max(height_px, width_px))
        wave = np.fft.fft2(rng.standard_normal(shape), axes=(0, 1)) / pitch
        image = np.real(np.fft.ifft2(wave, axes=(0, 1)))
        image = 128 + 60 * image / image.std()
    return _rounded(np.broadcast_to(image, (height_px, width_px, 3)))


def _earth(rng: Rng) -> np.ndarray:
    return np.array([rng.uniform(110, 200), rng.uniform(60, 130), rng.uniform(30, 100)])


def _spot(height_px: int, width_px: int, rng: Rng, most: float) -> tuple[int, int]:
    return int(rng.integers(0, width_px)), int(rng.integers(0, int(height_px * most)))


def _tuple(colour: np.ndarray) -> tuple[float, ...]:
    return tuple(float(value) for value in colour)


def _rounded(image: np.ndarray) -> U8Array:
    return np.clip(image + 0.5, 0, 255).astype(np.uint8)
