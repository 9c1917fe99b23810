"""Deletion and insertion (Petsiuk 2018, arXiv:1806.07421): do the marked pixels carry the call?"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from edge.contract.types import BoolArray, F32Array
from train.explain.network import Network

_STEPS = 20
# So many that the mean of the rivals is known much better than one map's area.
_RANDOM_MAPS = 8
# Smoothness of a random map, of the side: as coarse as the maps that it stands against. Scattered
# single pixels would be an easy rival, since a network hardly sees them go.
_RANDOM_SIGMA_FRACTION = 1 / 12


@dataclass(frozen=True, eq=False)
class Curves:
    """P(target) as pixels go or come, the marked first; the shares are `fractions()`.

    Attributes:
        deletion: (N,S) from the image to its baseline.
        insertion: (N,S) from the baseline to the image.
    """

    deletion: F32Array
    insertion: F32Array

    @property
    def deletion_auc(self) -> F32Array:
        """(N,) areas; low is good."""
        return _area(self.deletion)

    @property
    def insertion_auc(self) -> F32Array:
        """(N,) areas; high is good."""
        return _area(self.insertion)


def fractions() -> F32Array:
    """(S,) shares of the pixels, 0 to 1."""
    return np.linspace(0, 1, _STEPS + 1).astype(np.float32)


def curves(network: Network, maps: F32Array, images: F32Array, targets: np.ndarray) -> Curves:
    """Deletion and insertion curves of maps (N,H,W); ties among pixels are broken at random."""
    baselines, inside = network.baseline.of(images), network.baseline.inside(images)
    deletion, insertion = [], []
    for n in range(len(images)):
        order = _order(maps[n], inside[n], np.random.default_rng((network.seed, n)))
        picture = (images[n], baselines[n])
        deletion.append(_curve(network, order, *picture, int(targets[n])))
        insertion.append(_curve(network, order, *picture[::-1], int(targets[n])))
    return Curves(np.stack(deletion), np.stack(insertion))


def random_curves(network: Network, images: F32Array, targets: np.ndarray) -> Curves:
    """The same for smooth random maps: what any map must beat; a mean over several a picture."""
    found = []
    for draw in range(_RANDOM_MAPS):
        rng = np.random.default_rng((network.seed, draw))
        found.append(curves(network, random_maps(images.shape[:3], rng), images, targets))
    return Curves(
        np.mean([one.deletion for one in found], axis=0),
        np.mean([one.insertion for one in found], axis=0),
    )


def random_maps(shape: tuple[int, ...], rng: np.random.Generator) -> F32Array:
    """Smoothed noise, (N,H,W) float32."""
    sigma = max(1.0, _RANDOM_SIGMA_FRACTION * shape[1])
    noise = rng.standard_normal(shape).astype(np.float32)
    return np.stack([cv2.GaussianBlur(one, (0, 0), sigma) for one in noise])


def _order(one: F32Array, inside: BoolArray, rng: np.random.Generator) -> np.ndarray:
    """Flat indices of the pixels inside, the highest first."""
    pixels = np.flatnonzero(inside)
    return np.asarray(pixels[np.lexsort((rng.random(len(pixels)), -one.ravel()[pixels]))])


def _curve(
    network: Network, order: np.ndarray, start: F32Array, end: F32Array, target: int
) -> F32Array:
    """(S,) P(target) as the pixels of `start` become those of `end`, in this order."""
    parts = np.array_split(np.round(fractions() * len(order)).astype(int), _pieces(network.batch))
    found = []
    for counts in parts:
        pictures = np.repeat(start[None], len(counts), axis=0).reshape(len(counts), -1, 3)
        for picture, count in zip(pictures, counts, strict=True):
            picture[order[:count]] = end.reshape(-1, 3)[order[:count]]
        found.append(network.probabilities(pictures.reshape(len(counts), *start.shape))[:, target])
    return np.concatenate(found)


def _pieces(batch: int) -> int:
    return -(-(_STEPS + 1) // batch)


def _area(curve: F32Array) -> F32Array:
    """Trapezoids over shares from 0 to 1."""
    return np.asarray(((curve[:, 1:] + curve[:, :-1]) / 2).mean(axis=1), np.float32)
