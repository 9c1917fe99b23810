"""Pictures that look a little like a chest X-ray, from a seed: no patient's image is in a bundle.

They prove that a network computes what it did, and nothing about disease.
"""

from __future__ import annotations

import cv2
import numpy as np

from edge.contract.types import F64Array, U8Array

_STREAM = 0x0CE5
_RIBS = 9


def draw_xray(seed: int, side_px: int = 192) -> U8Array:
    """Body, lungs, ribs, spine, heart and, in every second one, clouded patches.

    Args:
        seed: 0 or more.

    Returns:
        (side_px,side_px,3) uint8 RGB, three channels alike.
    """
    rng = np.random.default_rng([seed, _STREAM])
    y, x = np.meshgrid(*[np.linspace(-1, 1, side_px)] * 2, indexing="ij")
    x, y = x * rng.uniform(0.92, 1.08), y + rng.uniform(-0.05, 0.05)
    picture = 0.05 + 0.6 * _ellipse(x, y, (0, 0.1), (0.95, 1.05))
    lungs = sum(
        _ellipse(x, y, (side * rng.uniform(0.38, 0.44), 0), (0.3, rng.uniform(0.6, 0.72)))
        for side in (-1, 1)
    )
    picture -= rng.uniform(0.32, 0.42) * lungs
    bent = y + rng.uniform(0.3, 0.5) * x**2
    picture += 0.07 * (np.sin(np.pi * _RIBS * bent) > 0.4) * _ellipse(x, y, (0, 0), (0.75, 0.8))
    picture += 0.15 * np.exp(-((x / 0.08) ** 2))
    picture += 0.25 * _ellipse(x, y, (0.16, 0.3), (0.28, 0.3))
    for _ in range(seed % 2 * 3):
        place = rng.choice([-0.4, 0.4]), rng.uniform(-0.2, 0.4)
        picture += rng.uniform(0.1, 0.25) * _ellipse(x, y, place, rng.uniform(0.1, 0.25, 2))
    picture = cv2.GaussianBlur(picture, (0, 0), side_px / 90) + rng.normal(0, 0.02, picture.shape)
    grey = np.clip(picture * 255, 0, 255).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


def _ellipse(
    x: F64Array, y: F64Array, centre: tuple[float, float], radii: tuple[float, float] | F64Array
) -> F64Array:
    """1 inside, 0 outside, with a soft edge."""
    radius = np.hypot((x - centre[0]) / radii[0], (y - centre[1]) / radii[1])
    return np.asarray(1 / (1 + np.exp((radius - 1) / 0.06)))
