"""A small SwinIR: groups of blocks that attend within windows (Liang 2021, arXiv:2108.10257).

As the paper's lightweight form: a convolution, residual groups of Swin blocks with shifted windows
and a convolution each, sub-pixel upsampling; what they make is added to the bicubic enlargement.
Sides must be multiples of `spec.window_px`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edge.contract.errors import ConfigError
from train.models.superres import STEP_PX, beside_bicubic, conv, image_input, to_pixels

if TYPE_CHECKING:
    from train.superres.recipe import EnhancerSpec


def build(size_px: int | None, spec: EnhancerSpec) -> Any:
    """The network; `spec.groups` of `spec.blocks`, `width`, `window_px` and `heads`.

    Raises:
        ConfigError: heads do not divide the width, or the window no step of the picture.
    """
    from tf_keras import Model, layers

    if spec.width % spec.heads:
        raise ConfigError(f"model.heads is {spec.heads}; it must divide the width {spec.width}")
    if STEP_PX % spec.window_px:
        raise ConfigError(f"model.window_px is {spec.window_px}; it must divide {STEP_PX}")
    image = image_input(size_px)
    shallow = x = conv(image, spec.width)
    for _ in range(spec.groups):
        entry = x
        for index in range(spec.blocks):
            x = _block(x, spec, spec.window_px // 2 if index % 2 else 0)
        x = layers.Add()([conv(x, spec.width), entry])
    deep = layers.Add()([conv(x, spec.width), shallow])
    return Model(image, beside_bicubic(image, to_pixels(conv(deep, 12))), name="swinir")


def _block(entry: Any, spec: EnhancerSpec, shift: int) -> Any:
    from tf_keras import layers

    attended = _attention(spec, shift)(layers.LayerNormalization(epsilon=1e-5)(entry))
    x = layers.Add()([attended, entry])
    wide = conv(layers.LayerNormalization(epsilon=1e-5)(x), 2 * spec.width, 1, "gelu")
    return layers.Add()([conv(wide, spec.width, 1), x])


def _attention(spec: EnhancerSpec, shift: int) -> Any:
    import tensorflow as tf
    from tf_keras import layers

    side, heads, width = spec.window_px, spec.heads, spec.width

    class WindowAttention(layers.Layer):  # type: ignore[misc]
        """Every place of a window looks at all of its window, beside a learnt bias by distance."""

        def build(self, _shape: Any) -> None:
            self.qkv, self.out = layers.Dense(3 * width), layers.Dense(width)
            self.by_distance = self.add_weight(
                "by_distance", ((2 * side - 1) ** 2, heads), initializer="zeros"
            )

        def call(self, x: Any) -> Any:
            shape = tf.shape(x)
            rolled = tf.roll(x, (-shift, -shift), (1, 2)) if shift else x
            windows = _windows(rolled, side, width)
            parts = tf.reshape(self.qkv(windows), (-1, side**2, 3, heads, width // heads))
            query, key, value = tf.unstack(tf.transpose(parts, (2, 0, 3, 1, 4)))
            weights = tf.matmul(query, key, transpose_b=True) * (width // heads) ** -0.5
            bias = tf.gather(self.by_distance, _distances(side))
            weights += tf.transpose(bias, (2, 0, 1))[None]
            if shift:
                weights = self._apart(weights, shape)
            seen = tf.matmul(tf.nn.softmax(weights), value)
            joined = tf.reshape(tf.transpose(seen, (0, 2, 1, 3)), (-1, side**2, width))
            made = _unwindowed(self.out(joined), shape, side, width)
            return tf.roll(made, (shift, shift), (1, 2)) if shift else made

        def _apart(self, weights: Any, shape: Any) -> Any:
            """What rolling brought from the other edge of the picture is not looked at."""
            region = _region(shape[1], side, shift)[:, None] * 3 + _region(shape[2], side, shift)
            place = tf.cast(region, tf.float32)[None, :, :, None]
            own = _windows(place, side, 1)[:, :, 0]
            differ = tf.cast(own[:, :, None] != own[:, None, :], weights.dtype)
            several = tf.tile(differ, (shape[0], 1, 1))
            return weights - 100.0 * several[:, None]

    return WindowAttention()


def _windows(x: Any, side: int, width: int) -> Any:
    """(N,h,w,C) to (N*windows, side², C)."""
    import tensorflow as tf

    shape = tf.shape(x)
    split = (shape[0], shape[1] // side, side, shape[2] // side, side, width)
    return tf.reshape(tf.transpose(tf.reshape(x, split), (0, 1, 3, 2, 4, 5)), (-1, side**2, width))


def _unwindowed(windows: Any, shape: Any, side: int, width: int) -> Any:
    import tensorflow as tf

    split = (shape[0], shape[1] // side, shape[2] // side, side, side, width)
    joined = tf.transpose(tf.reshape(windows, split), (0, 1, 3, 2, 4, 5))
    return tf.reshape(joined, (shape[0], shape[1], shape[2], width))


def _region(length: Any, side: int, shift: int) -> Any:
    """(length,) int: 0 for whole windows, 1 and 2 for the two parts of the last one."""
    import tensorflow as tf

    place = tf.range(length)
    return tf.where(place < length - side, 0, tf.where(place < length - shift, 1, 2))


def _distances(side: int) -> np.ndarray:
    """(side², side²) index of the distance between two places of a window."""
    place = np.stack(np.meshgrid(range(side), range(side), indexing="ij"), -1).reshape(-1, 2)
    apart = place[:, None] - place[None] + side - 1
    return np.asarray(apart[..., 0] * (2 * side - 1) + apart[..., 1])
