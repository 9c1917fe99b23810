"""Augmentation of prepared cells: what another slide, stain, lens or phone would have done.

All functions take and give (N,H,W,3) uint8 RGB with black outside the cell; randomness comes in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from edge.contract.types import BoolArray, F32Array, U8Array

# Interpolation blends the cell's rim with the black outside; darker than this is outside.
EDGE_LEVEL = 24
ALL = slice(None)
# Less the optical density of each level, so that its exponential is light again.
_MINUS_DENSITY = np.log((np.arange(256, dtype=np.float32) + 1) / 256)


@dataclass(frozen=True)
class Augmentation:
    """Strengths and probabilities; 0 switches a step off.

    Attributes:
        affine: probability of a free rotation, scale and shift (else flips and quarter turns).
        scale: range of the scale, 0.1 is 0.9 to 1.1.
        shift: largest shift as a fraction of the side.
        stain: strength of the jitter of dye amount and mixing, in optical density.
        hue: largest rotation of hue, in degrees.
        gain: largest relative gain for each channel.
        offset: largest offset for each channel, of 255.
        blur: probability of a blur (sigma up to 1.3 px).
        jpeg: probability of JPEG artefacts (quality 35 to 95).
        background: probability that the black background is filled with a bright plain one.
        style: probability that a cell takes on part of another cell's colour statistics.
    """

    affine: float = 0.5
    scale: float = 0.15
    shift: float = 0.06
    stain: float = 0.25
    hue: float = 14.0
    gain: float = 0.12
    offset: float = 0.06
    blur: float = 0.2
    jpeg: float = 0.2
    background: float = 0.15
    style: float = 0.0


def augment(
    batch: U8Array,
    settings: Augmentation,
    rng: np.random.Generator,
    paint: Callable[[U8Array], U8Array] = lambda image: image,
    own: slice = ALL,
) -> U8Array:
    """A randomly changed copy of the batch; the same generator state gives the same copy.

    Args:
        paint: draws something into each cell (H,W,3), before lens and compression spoil it.
        own: rows that are wanted. They are what they are in the whole copy: chance is drawn for
            the others too, but they are not made.
    """
    made = range(len(batch))[own]
    # A cell may take on the colours of any other.
    needed = range(len(batch)) if settings.style else made
    moved = np.stack([_move(image, settings, rng, i in needed) for i, image in enumerate(batch)])
    cell = _inside(moved)
    if settings.style:
        moved = _mix_style(moved, cell, settings, rng)
    stain, colour, offset = _draw_colours(len(batch), settings, rng)
    out = np.zeros_like(moved)
    for index in made:
        out[index] = _recolour(moved[index], stain[index], colour[index], offset[index])
    out *= cell
    for index in range(len(out)):
        out[index] = _degrade(paint(out[index]), settings, rng, index in made)
    return _fill_background(out, cell, settings, rng)[own]


def _inside(batch: U8Array) -> BoolArray:
    """(N,H,W,1), True where any channel is bright; a maximum over the last axis is far slower."""
    bright = np.maximum(np.maximum(batch[..., 0], batch[..., 1]), batch[..., 2]) > EDGE_LEVEL
    return np.asarray(bright[..., None])


def _move(
    image: U8Array, settings: Augmentation, rng: np.random.Generator, needed: bool
) -> U8Array:
    if rng.random() >= settings.affine:
        turned = np.rot90(image, rng.integers(4))
        return turned[:, ::-1] if rng.random() < 0.5 else turned
    side = image.shape[0]
    scale = 1 + settings.scale * rng.uniform(-1, 1)
    matrix = cv2.getRotationMatrix2D(((side - 1) / 2, (side - 1) / 2), rng.uniform(0, 360), scale)
    if rng.random() < 0.5:
        matrix = matrix @ np.array([[-1, 0, side - 1], [0, 1, 0], [0, 0, 1]], float)
    matrix[:, 2] += rng.uniform(-1, 1, 2) * settings.shift * side
    if not needed:
        return image
    return np.asarray(cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_LINEAR), np.uint8)


def _mix_style(
    batch: U8Array, cell: BoolArray, settings: Augmentation, rng: np.random.Generator
) -> U8Array:
    """Moves mean and spread of a cell's colours towards those of another cell of the batch.

    The statistics of the image stand in for a slide's style, as those of feature maps do in
    MixStyle (Zhou 2021, arXiv:2104.02008).
    """
    pixels, inside = batch.astype(np.float32), cell.astype(np.float32)
    count = np.maximum(inside.sum(axis=(1, 2), keepdims=True), 1)
    mean = (pixels * inside).sum(axis=(1, 2), keepdims=True) / count
    spread = np.sqrt(((pixels - mean) ** 2 * inside).sum(axis=(1, 2), keepdims=True) / count) + 1
    other = rng.permutation(len(batch))
    share = rng.beta(0.5, 0.5, (len(batch), 1, 1, 1)).astype(np.float32)
    share *= rng.random((len(batch), 1, 1, 1)) < settings.style
    new_mean = mean + share * (mean[other] - mean)
    new_spread = spread + share * (spread[other] - spread)
    mixed = (pixels - mean) / spread * new_spread + new_mean
    return np.where(cell, np.clip(mixed + 0.5, EDGE_LEVEL + 1, 255), batch).astype(np.uint8)


def _draw_colours(
    count: int, settings: Augmentation, rng: np.random.Generator
) -> tuple[F32Array, F32Array, F32Array]:
    """For each image how optical density mixes (3,3), how colour turns (3,3), and an offset (3,).

    Optical density is linear in the amount of dye (Beer-Lambert). The hue turns about the grey
    axis; then each channel has a gain.
    """
    amount = np.exp(rng.normal(0, settings.stain, (count, 1, 1)))
    mixing = np.eye(3) + rng.normal(0, settings.stain / 4, (count, 3, 3))
    angle = np.deg2rad(settings.hue) * rng.uniform(-1, 1, count)
    cos, sin = np.cos(angle)[:, None, None], np.sin(angle)[:, None, None] / np.sqrt(3)
    cross = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]], float)
    turn = cos * np.eye(3) + (1 - cos) / 3 + sin * cross
    gain = 1 + settings.gain * rng.uniform(-1, 1, (count, 1, 3))
    offset = 255 * settings.offset * rng.uniform(-1, 1, (count, 1, 1, 3))
    matrices = ((amount * mixing), (turn * gain), offset.reshape(count, 3))
    stain, colour, offset = (values.astype(np.float32) for values in matrices)
    return stain, colour, offset


# One image at a time stays in the processor's cache; a batch of floats does not.
def _recolour(image: U8Array, stain: F32Array, colour: F32Array, offset: F32Array) -> U8Array:
    """(H,W,3) uint8 RGB at least 1: densities mixed, then colours turned and shifted."""
    density = cv2.transform(cv2.LUT(image, _MINUS_DENSITY), stain.T)
    light = cv2.exp(np.minimum(density, 0, out=density))
    # 256 * light - 1, turned, shifted, and rounded by truncation after a half is added.
    shift = (offset - colour.sum(axis=0) + np.float32(0.5)).reshape(3, 1)
    turned = cv2.transform(light, np.hstack([256 * colour.T, shift]).astype(np.float32))
    return np.asarray(np.clip(turned, 1, 255, out=turned), np.float32).astype(np.uint8)


def _degrade(
    image: U8Array, settings: Augmentation, rng: np.random.Generator, needed: bool
) -> U8Array:
    blur = rng.uniform(0.3, 1.3) if rng.random() < settings.blur else 0.0
    quality = int(rng.integers(35, 96)) if rng.random() < settings.jpeg else 0
    if not needed:
        return image
    if blur:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), blur), np.uint8)
    if quality:
        _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
        image = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return image


def _fill_background(
    batch: U8Array, cell: BoolArray, settings: Augmentation, rng: np.random.Generator
) -> U8Array:
    for index in np.flatnonzero(rng.random(len(batch)) < settings.background):
        paper = rng.uniform(170, 245) + rng.uniform(-25, 25, 3) + rng.normal(0, 3, (1, 1, 3))
        batch[index] = np.where(cell[index], batch[index], np.clip(paper, 0, 255))
    return batch
