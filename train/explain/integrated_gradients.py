"""Integrated gradients (Sundararajan 2017, arXiv:1703.01365), from the baseline to the image."""

from __future__ import annotations

import numpy as np

from edge.contract.types import F32Array
from train.explain.network import Network

# Enough that the sum differs from the logits' difference by a few per cent at most, ReLU6 or not.
_STEPS = 100


def integrated_gradients(network: Network, images: F32Array, targets: np.ndarray) -> F32Array:
    """Share of each pixel in logit(image) - logit(baseline), (N,H,W) float32, signed.

    The gradient is averaged over points on the straight way (midpoints of `_STEPS` pieces), times
    the way itself, and summed over the colours.
    """
    baselines = network.baseline.of(images)
    rows = zip(images, baselines, targets, strict=True)
    return np.stack([_one(network, *row) for row in rows])


def _one(network: Network, image: F32Array, baseline: F32Array, target: int) -> F32Array:
    way = image - baseline
    points = ((np.arange(_STEPS) + 0.5) / _STEPS).astype(np.float32)
    total = np.zeros_like(image, np.float64)
    for start in range(0, _STEPS, network.batch):
        part = points[start : start + network.batch, None, None, None]
        at = baseline + part * way
        total += network.gradients(at, np.full(len(at), target)).sum(axis=0, dtype=np.float64)
    return np.asarray((total / _STEPS * way).sum(axis=2), np.float32)
