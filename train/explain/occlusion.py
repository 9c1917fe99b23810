"""Occlusion (Zeiler 2014, arXiv:1311.2901): how much the logit falls when a square is hidden."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from edge.contract.types import BoolArray, F32Array
from train.explain.network import Network

_WINDOW_FRACTION = 1 / 6
_STRIDES_A_WINDOW = 3


def occlusion(network: Network, images: F32Array, targets: np.ndarray) -> F32Array:
    """Mean fall of the target's logit over the windows that cover a pixel, (N,H,W) float32.

    The window, a sixth of the side, is replaced by the network's baseline.
    """
    baselines, whole = network.baseline.of(images), network.score(images, targets)
    rows = zip(images, baselines, targets, whole, strict=True)
    return np.stack([_one(network, *row) for row in rows])


def _one(
    network: Network, image: F32Array, baseline: F32Array, target: int, whole: float
) -> F32Array:
    total, times = np.zeros((2, *image.shape[:2]), np.float32)
    for windows in _window_batches(image.shape[0], image.shape[1], network.batch):
        hidden = np.where(windows[..., None], baseline, image)
        falls = whole - network.score(hidden, np.full(len(hidden), target))
        total += np.tensordot(falls, windows.astype(np.float32), axes=1)
        times += windows.sum(axis=0)
    return np.asarray(total / times, np.float32)


def _window_batches(height_px: int, width_px: int, batch: int) -> Iterator[BoolArray]:
    """(n,H,W) bool squares that together cover every pixel, at most `batch` at a time."""
    side = max(2, round(_WINDOW_FRACTION * min(height_px, width_px)))
    stride = max(1, side // _STRIDES_A_WINDOW)
    corners = [
        (top, left)
        for top in range(stride - side, height_px, stride)
        for left in range(stride - side, width_px, stride)
    ]
    for start in range(0, len(corners), batch):
        part = corners[start : start + batch]
        windows = np.zeros((len(part), height_px, width_px), bool)
        for window, (top, left) in zip(windows, part, strict=True):
            window[max(top, 0) : top + side, max(left, 0) : left + side] = True
        yield windows
