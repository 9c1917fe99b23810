"""A small transformer autoencoder of grey cells: patches through a narrow token each, and back.

Tokens see each other by self-attention (Vaswani 2017, arXiv:1706.03762; patches as in Dosovitskiy
2020, arXiv:2010.11929), so a patch is rebuilt from what the rest of the cell looks like.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from train.models.grey_autoencoder import check_grey, check_side
from train.models.residuals import anomaly_head, computed, grey_target, inside, residual_map

if TYPE_CHECKING:
    from edge.contract.types import F32Array
    from train.recipe_parts import ModelSpec

PATCH, WIDTH, HEADS, BLOCKS = 8, 48, 4, 2


def build(size_px: int, _n_outputs: int, spec: ModelSpec) -> Any:
    """The network, (N,size,size,3) float32 [0,1] RGB to `logit` (N,1) and `cam` (N,h,w,1).

    `spec.bottleneck` is the length of the narrow tokens, `spec.widths` (one) that of the others;
    `spec.residual` and `spec.top_k` as `grey_autoencoder`.

    Raises:
        ConfigError: the side is no multiple of a patch, or a residual of colour.
    """
    from tf_keras import Model, layers

    width, residual = (spec.widths or (WIDTH,))[0], spec.residual
    check_side(size_px, PATCH, "transformer_autoencoder")
    check_grey(residual)
    side = size_px // PATCH
    image = layers.Input((size_px, size_px, 3), name="image")
    cell = computed("inside", inside, [image], rim_px=residual.rim_px)
    simple = {"threshold": residual.threshold, "levels": residual.levels}
    target = computed("target", grey_target, [image, cell], **simple)
    x = layers.Dense(width, name="embedded")(computed("tokens", _tokens, [target], side=side))
    x = computed("placed", _placed, [x], places=_positions(side * side, width))
    for index in range(BLOCKS):
        x = _block(x, width, f"encoder{index}")
    x = layers.Dense(spec.bottleneck, name="bottleneck")(x)
    x = layers.Dense(width, name="widened")(x)
    x = computed("placed_again", _placed, [x], places=_positions(side * side, width))
    x = _block(x, width, "decoder")
    x = layers.Dense(PATCH * PATCH, name="pixels")(x)
    made = computed("reconstruction", _picture, [x], side=side)
    dark = residual.threshold == 0
    cam = computed("cam", residual_map, [target, made, cell], spec=residual, dark=dark)
    return Model(image, anomaly_head(cam, spec.top_k), name="transformer_autoencoder")


def _block(x: Any, width: int, name: str) -> Any:
    """Attention and a dense pair, each added to what goes in; (N,T,width)."""
    from tf_keras import layers

    y = layers.LayerNormalization(name=f"{name}_norm")(x)
    query, key, value = (
        layers.Dense(width, use_bias=False, name=f"{name}_{part}")(y)
        for part in ("query", "key", "value")
    )
    y = computed(f"{name}_attention", _attention, [query, key, value])
    x = layers.Add(name=f"{name}_seen")([x, layers.Dense(width, name=f"{name}_mixed")(y)])
    y = layers.LayerNormalization(name=f"{name}_norm_again")(x)
    y = layers.Dense(2 * width, activation="relu", name=f"{name}_wide")(y)
    return layers.Add(name=f"{name}_out")([x, layers.Dense(width, name=f"{name}_narrow")(y)])


def _attention(query: Any, key: Any, value: Any) -> Any:
    """Softmax over tokens in each head; (N,T,width) each."""
    import tensorflow as tf

    tokens, width = query.shape[1:]

    def heads(x: Any) -> Any:
        split = tf.reshape(x, [-1, tokens, HEADS, width // HEADS])
        return tf.transpose(split, (0, 2, 1, 3))

    alike = tf.matmul(heads(query), heads(key), transpose_b=True)
    seen = tf.matmul(tf.nn.softmax(alike * math.sqrt(HEADS / width)), heads(value))
    return tf.reshape(tf.transpose(seen, (0, 2, 1, 3)), [-1, tokens, width])


def _tokens(image: Any, side: int) -> Any:
    """(N,S,S,1) to (N,side²,PATCH²)."""
    import tensorflow as tf

    return tf.reshape(tf.nn.space_to_depth(image, PATCH), [-1, side * side, PATCH * PATCH])


def _picture(tokens: Any, side: int) -> Any:
    """(N,side²,PATCH²) to (N,S,S,1) in 0 to 1."""
    import tensorflow as tf

    maps = tf.reshape(tokens, [-1, side, side, PATCH * PATCH])
    return tf.sigmoid(tf.nn.depth_to_space(maps, PATCH))


def _placed(tokens: Any, places: F32Array) -> Any:
    return tokens + places


def _positions(count: int, width: int) -> F32Array:
    """(count,width) sines and cosines of the place, as in Vaswani 2017."""
    rate = np.exp(-np.arange(0, width, 2) / width * math.log(10000))
    angle = np.arange(count)[:, None] * rate
    return np.concatenate([np.sin(angle), np.cos(angle)], axis=1).astype(np.float32)
