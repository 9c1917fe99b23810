"""What may help a network on a microscope it has never seen, without a label from there.

Each adaptation sees all cells of one field: most of them are healthy, so the field tells how
healthy cells look under this lens and stain.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge.contract.types import F32Array, U8Array
from train.augment import EDGE_LEVEL

# Mean and spread of cell pixels, RGB: `colour_statistics` of every eleventh crop of nih-cells.
REFERENCE_MEAN = (183.2, 148.8, 159.1)
REFERENCE_SPREAD = (22.2, 20.3, 18.5)


@dataclass(frozen=True)
class Adaptation:
    """What is changed for each field: the crops, the network, the scores; None leaves them."""

    input: Callable[[U8Array], U8Array] | None = None
    network: Callable[[Any, U8Array, float], Any] | None = None
    output: Callable[[F32Array], F32Array] | None = None


def colour_statistics(crops: U8Array) -> tuple[np.ndarray, np.ndarray]:
    """Mean and spread of cell pixels of (N,H,W,3) crops, (3,) each; spread within a cell.

    Those of the reference where every crop is black and there is nothing to adapt.
    """
    inside = crops.max(axis=3) > EDGE_LEVEL
    if not inside.any():
        return np.array(REFERENCE_MEAN), np.array(REFERENCE_SPREAD)
    pixels = crops[inside].astype(np.float64)
    owner = np.repeat(np.arange(len(crops)), inside.sum(axis=(1, 2)))
    counts = np.maximum(np.bincount(owner, minlength=len(crops)), 1)
    means = np.stack(
        [np.bincount(owner, pixels[:, c], len(crops)) / counts for c in range(3)], axis=1
    )
    spread = np.sqrt(((pixels - means[owner]) ** 2).mean(axis=0))
    return pixels.mean(axis=0), spread


def match_colour(crops: U8Array) -> U8Array:
    """Shifts and scales a field's colours so that its cells have the reference statistics."""
    mean, spread = colour_statistics(crops)
    inside = (crops.max(axis=3) > EDGE_LEVEL)[..., None]
    matched = (crops - mean) / np.maximum(spread, 1) * REFERENCE_SPREAD + REFERENCE_MEAN
    return np.where(inside, np.clip(matched + 0.5, EDGE_LEVEL + 1, 255), crops).astype(np.uint8)


def subtract_median(logit: F32Array) -> F32Array:
    """Scores relative to the field's own majority."""
    return np.asarray(logit - np.median(logit), np.float32)


def renormalise(model: Any, crops: U8Array, scale: float) -> Any:
    """A copy of the network whose batch norm statistics are half the field's own.

    Prediction-time batch normalisation (Nado 2020, arXiv:2006.10963), mixed with the training
    statistics since a field has few cells (Schneider 2020, arXiv:2006.16971).
    """
    import tf_keras

    copy = tf_keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    for layer in copy.layers:
        if isinstance(layer, tf_keras.layers.BatchNormalization):
            layer.momentum = 0.5
    copy(crops.astype(np.float32) * scale, training=True)
    return copy


ADAPTATIONS = {
    "none": Adaptation(),
    "colour": Adaptation(input=match_colour),
    "batch-norm": Adaptation(network=renormalise),
    "field-median": Adaptation(output=subtract_median),
    "colour+field-median": Adaptation(input=match_colour, output=subtract_median),
}
