"""LIME (Ribeiro 2016, arXiv:1602.04938): a linear model of the logit over hidden superpixels.

The package's own image explainer hides a superpixel by its mean colour and prints a bar an image;
here its linear model works on pictures hidden by the network's baseline, as in every other method.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edge.contract.types import F32Array
from train.explain.network import Network

_SUPERPIXELS, _COMPACTNESS = 60, 5.0
_PICTURES = 600
# The package's default width for the cosine distance between sets of superpixels.
_KERNEL_WIDTH = 0.25


def lime(network: Network, images: F32Array, targets: np.ndarray) -> F32Array:
    """Coefficient of each pixel's superpixel, (N,H,W) float32, signed, in logits.

    Superpixels are SLIC's; outside a masked cell there are none, and the map is 0.
    """
    from lime.lime_base import LimeBase

    baselines, inside = network.baseline.of(images), network.baseline.inside(images)
    maps = []
    for n in range(len(images)):
        rng = np.random.default_rng((network.seed, n))
        base = LimeBase(_nearness, random_state=np.random.RandomState(network.seed))
        segments = _segments(images[n], inside[n])
        maps.append(_one(network, base, images[n], baselines[n], segments, int(targets[n]), rng))
    return np.stack(maps)


def _segments(image: F32Array, inside: np.ndarray) -> np.ndarray:
    """(H,W) int: 1 to n inside, 0 outside."""
    from skimage.segmentation import slic

    unit = image / max(float(image.max()), 1e-6)
    found = slic(unit, _SUPERPIXELS, _COMPACTNESS, start_label=1, mask=inside)
    return np.unique(found, return_inverse=True)[1].reshape(found.shape) + (found.min() > 0)


def _nearness(distance: F32Array) -> Any:
    return np.sqrt(np.exp(-(distance**2) / _KERNEL_WIDTH**2))


def _one(
    network: Network,
    base: Any,
    image: F32Array,
    baseline: F32Array,
    segments: np.ndarray,
    target: int,
    rng: np.random.Generator,
) -> F32Array:
    n_segments = int(segments.max())
    shown = rng.integers(0, 2, (_PICTURES, n_segments))
    shown[0] = 1
    scores = np.concatenate(
        [
            _scores(network, image, baseline, segments, target, shown[at : at + network.batch])
            for at in range(0, _PICTURES, network.batch)
        ]
    )
    # Cosine distance to the whole picture: 1 - sqrt(share of superpixels shown).
    distances = 1 - np.sqrt(shown.mean(axis=1))
    _, pairs, _, _ = base.explain_instance_with_data(
        shown, scores[:, None], distances, 0, n_segments, feature_selection="none"
    )
    values = np.zeros(n_segments + 1, np.float32)
    for index, value in pairs:
        values[index + 1] = value
    return values[segments]


def _scores(
    network: Network,
    image: F32Array,
    baseline: F32Array,
    segments: np.ndarray,
    target: int,
    shown: np.ndarray,
) -> F32Array:
    everywhere = np.column_stack([np.ones(len(shown), int), shown])[:, segments] > 0
    pictures = np.where(everywhere[..., None], image, baseline)
    return network.score(pictures, np.full(len(pictures), target))
