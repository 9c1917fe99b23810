"""Sanity check (Adebayo 2018, arXiv:1810.03292): without what was learnt, the map must change.

A method that gives the same map for a network with shuffled weights shows the image, not the
network.
"""

from __future__ import annotations

import numpy as np

from edge.contract.types import BoolArray, F32Array
from train.explain.methods import MapFunction
from train.explain.network import Network

# Mean rank correlation from which a map counts as hardly changed.
HARDLY_CHANGED = 0.5
_NETWORKS = 2


def similarity_to_random(
    network: Network, method: MapFunction, maps: F32Array, images: F32Array, targets: np.ndarray
) -> F32Array:
    """Likeness of each map (N,H,W) to that of networks whose weights are all shuffled, (N,).

    The mean, over shuffled networks, of |Spearman's rank correlation| inside the cell: 0 is another
    map, 1 the same one or its negative. Outside a masked cell all maps agree, which says nothing.
    """
    inside, found = network.baseline.inside(images), []
    for draw in range(_NETWORKS):
        with network.randomised(network.seed + draw + 1):
            others = method(network, images, targets)
        found.append([likeness(*row) for row in zip(maps, others, inside, strict=True)])
    return np.mean(found, axis=0).astype(np.float32)


def likeness(first: F32Array, second: F32Array, inside: BoolArray) -> float:
    """|Spearman's rank correlation| of two maps (H,W); 1 for two flat maps, 0 for one."""
    from scipy.stats import rankdata

    pair = [_centred(rankdata(one[inside])) for one in (first, second)]
    lengths = [float(np.sqrt((one**2).sum())) for one in pair]
    if not all(lengths):
        return float(not any(lengths))
    return abs(float(pair[0] @ pair[1]) / (lengths[0] * lengths[1]))


def _centred(values: np.ndarray) -> np.ndarray:
    return np.asarray(values - values.mean())
