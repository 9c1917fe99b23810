"""Augmentation of whole pictures (X-rays) with albumentations: no black surround, no stain.

Takes and gives (N,H,W,3) uint8 RGB; randomness comes in as a generator.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from edge.contract.errors import ConfigError
from edge.contract.types import U8Array
from train.augment import ALL

_LOCAL = threading.local()


@dataclass(frozen=True)
class ImageAugmentation:
    """Strengths and probabilities; 0 switches a step off, and all are off by default.

    Attributes:
        rotate_deg: largest rotation either way, in degrees.
        flip_horizontal: probability of left to right. It puts the heart on the right.
        flip_vertical: probability of top to bottom.
        zoom: range of the scale, 0.1 is 0.9 to 1.1.
        shift: largest shift as a fraction of the side.
        brightness: largest change of brightness, of the full range.
        contrast: largest relative change of contrast.
        blur: probability of a blur (sigma 0.3 to 1.3 px).
        grid_distortion: probability of moving a grid of 5 x 5 by up to 0.2 of its cells.
        elastic: probability of an elastic distortion (smooth displacement of about 1 px).
        coarse_dropout: probability of one to four black holes of 5 to 12 % of the side.
    """

    rotate_deg: float = 0.0
    flip_horizontal: float = 0.0
    flip_vertical: float = 0.0
    zoom: float = 0.0
    shift: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    blur: float = 0.0
    grid_distortion: float = 0.0
    elastic: float = 0.0
    coarse_dropout: float = 0.0

    def __post_init__(self) -> None:
        for item in fields(self):
            value, most = getattr(self, item.name), 180 if item.name == "rotate_deg" else 1
            if not 0 <= value <= most:
                raise ConfigError(
                    f"image_augmentation.{item.name} is {value}; allowed: 0 to {most}"
                )


def augment_images(
    batch: U8Array, settings: ImageAugmentation, rng: np.random.Generator, own: slice = ALL
) -> U8Array:
    """A randomly changed copy of the batch; the same generator state gives the same copy.

    Args:
        own: rows that are wanted. What is drawn for a picture depends on those before it, so that
            only the ones after the last are not made.
    """
    pipeline = _pipeline(settings)
    pipeline.set_random_seed(int(rng.integers(2**31)))
    return np.stack([pipeline(image=image)["image"] for image in batch[: own.stop]])[own]


def _pipeline(settings: ImageAugmentation) -> Any:
    """One pipeline a thread, since it holds the state of its random numbers."""
    known: dict[ImageAugmentation, Any] = _LOCAL.__dict__.setdefault("pipelines", {})
    if settings not in known:
        known[settings] = _build(settings)
    return known[settings]


def _build(settings: ImageAugmentation) -> Any:
    # It asks the network for its newest version otherwise, when it is imported.
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    import albumentations

    return albumentations.Compose([*_moves(settings), *_changes(settings)])


def _moves(settings: ImageAugmentation) -> list[Any]:
    import albumentations as library

    moved = settings.rotate_deg or settings.zoom or settings.shift
    affine = library.Affine(
        scale=(1 - settings.zoom, 1 + settings.zoom),
        translate_percent=(-settings.shift, settings.shift),
        rotate=(-settings.rotate_deg, settings.rotate_deg),
        keep_ratio=True,
        p=1.0 if moved else 0.0,
    )
    return [
        library.HorizontalFlip(p=settings.flip_horizontal),
        library.VerticalFlip(p=settings.flip_vertical),
        affine,
        library.GridDistortion(num_steps=5, distort_limit=0.2, p=settings.grid_distortion),
        library.ElasticTransform(alpha=20, sigma=5, p=settings.elastic),
    ]


def _changes(settings: ImageAugmentation) -> list[Any]:
    import albumentations as library

    changed = settings.brightness or settings.contrast
    return [
        library.RandomBrightnessContrast(
            settings.brightness, settings.contrast, p=1.0 if changed else 0.0
        ),
        library.GaussianBlur(blur_limit=0, sigma_limit=(0.3, 1.3), p=settings.blur),
        library.CoarseDropout(
            num_holes_range=(1, 4),
            hole_height_range=(0.05, 0.12),
            hole_width_range=(0.05, 0.12),
            p=settings.coarse_dropout,
        ),
    ]
