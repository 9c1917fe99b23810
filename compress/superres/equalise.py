"""Channels of one range: the same function, whose maps lose less to eight bits.

A map has one step for all of its channels. Where ReLU stands between two convolutions, a channel
may be made smaller and the weights that read it larger by as much (Nagel 2019, arXiv:1906.04721);
here each comes to reach 1, as seen on the representative set, not judged by weights alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from compress.superres.export import TileNetwork
from edge.contract.types import U8Array

_BATCH = 16
# A channel that is dead on the representative set stays as it is.
_DEAD = 1e-6


def equalise(network: TileNetwork, tiles: U8Array) -> None:
    """Scales channels between convolutions; the network's weights change, not what it computes.

    Args:
        tiles: (N,T,T,3) uint8 RGB, of the network's side where that is fixed.
    """
    for first, second in _pairs(network.model):
        most = _most(network.model, first, tiles)
        scale = np.where(most > _DEAD, most, 1.0).astype(np.float32)
        first.set_weights([weights / scale for weights in first.get_weights()])
        kernel, *bias = second.get_weights()
        second.set_weights([kernel * scale[None, None, :, None], *bias])


def _pairs(model: Any) -> list[tuple[Any, Any]]:
    """Convolutions with ReLU that are read by one other convolution alone."""
    from tf_keras import activations, layers

    found = []
    for layer in model.layers:
        if type(layer) is layers.Conv2D and layer.activation is activations.relu:
            readers = [node.layer for node in layer.outbound_nodes]
            if len(readers) == 1 and type(readers[0]) is layers.Conv2D:
                found.append((layer, readers[0]))
    return found


def _most(model: Any, layer: Any, tiles: U8Array) -> np.ndarray:
    """(C,) greatest value of each channel of a layer's output."""
    from tf_keras import Model

    watching = Model(model.inputs, layer.output)
    parts = [
        watching(tiles[at : at + _BATCH].astype(np.float32) / 255, training=False).numpy()
        for at in range(0, len(tiles), _BATCH)
    ]
    return np.asarray(np.max([part.max(axis=(0, 1, 2)) for part in parts], axis=0))
