"""Anomaly scores without a network: what any network must beat to earn its place.

All take prepared crops, (N,S,S,3) uint8 RGB with black outside the cell, and give (N,) float32.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from edge.contract.types import BoolArray, F32Array, U8Array
from train.augment import EDGE_LEVEL

# The hand feature: the most saturated pixels inside the cell against its median.
TOP_PIXELS, RIM_PX, FEWEST_PIXELS = 12, 2, 20
COMPONENTS, PCA_SIDE_PX = 32, 32
_CHUNK = 2048


def saturation_scores(crops: U8Array) -> F32Array:
    """Mean saturation of the 12 most saturated pixels off the rim, less the cell's median.

    Dye saturates a cell's colour, and a parasite is a small place of it. A cell of too few pixels
    scores 0.
    """
    return np.array([_saturation(crop) for crop in crops], np.float32)


def _saturation(crop: U8Array) -> float:
    pixels = crop[_interior(crop)].astype(np.float32)
    if len(pixels) < FEWEST_PIXELS:
        return 0.0
    brightest, darkest = pixels.max(axis=1), pixels.min(axis=1)
    saturation = (brightest - darkest) / np.maximum(brightest, 1)
    return float(np.sort(saturation)[-TOP_PIXELS:].mean() - np.median(saturation))


def _interior(crop: U8Array) -> BoolArray:
    inside = (crop.max(axis=2) > EDGE_LEVEL).astype(np.uint8)
    side = 2 * RIM_PX + 1
    return np.asarray(cv2.erode(inside, np.ones((side, side), np.uint8)) > 0)


@dataclass(frozen=True, eq=False)
class Pca:
    """Principal components of healthy cells: `mean` (D,), `components` (K,D)."""

    mean: F32Array
    components: F32Array

    @classmethod
    def fit(cls, crops: U8Array) -> Pca:
        """Of (N,S,S,3) healthy crops, at PCA_SIDE_PX."""
        pixels = _pixels(crops)
        mean = pixels.mean(axis=0)
        centred = pixels - mean
        _, vectors = np.linalg.eigh(centred.T @ centred / len(pixels))
        return cls(mean, np.ascontiguousarray(vectors[:, ::-1].T[:COMPONENTS]))

    def squared(self, crops: U8Array) -> F32Array:
        """Mean squared difference to the reconstruction."""
        return np.concatenate([(gap**2).mean(axis=1) for _, gap in self._gaps(crops)])

    def darker(self, crops: U8Array) -> F32Array:
        """Mean of the 12 places of the interior that are most darker than the reconstruction."""
        found = []
        for chunk, gap in self._gaps(crops):
            grey = gap.reshape(-1, PCA_SIDE_PX * PCA_SIDE_PX, 3).mean(axis=2)
            inside = np.stack([_interior(_small(crop)) for crop in chunk]).reshape(len(chunk), -1)
            # The reconstruction less the cell: positive where the cell is darker.
            darker = np.where(inside, -grey, 0)
            found.append(np.sort(darker, axis=1)[:, -TOP_PIXELS:].mean(axis=1))
        return np.concatenate(found)

    def _gaps(self, crops: U8Array) -> list[tuple[U8Array, F32Array]]:
        """Chunks of crops, and cell less reconstruction, (n,D)."""
        chunks = [crops[at : at + _CHUNK] for at in range(0, len(crops), _CHUNK)]
        gaps = []
        for chunk in chunks:
            centred = _pixels(chunk) - self.mean
            made = (centred @ self.components.T) @ self.components
            gaps.append((chunk, np.asarray(centred - made, np.float32)))
        return gaps


def _pixels(crops: U8Array) -> F32Array:
    """(N,S,S,3) uint8 to (N,D) in 0 to 1 at PCA_SIDE_PX."""
    small = np.stack([_small(crop) for crop in crops])
    return small.reshape(len(crops), -1).astype(np.float32) / 255


def _small(crop: U8Array) -> U8Array:
    side = (PCA_SIDE_PX, PCA_SIDE_PX)
    return np.asarray(cv2.resize(crop, side, interpolation=cv2.INTER_AREA), np.uint8)
